package dev.graft.export;

import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// What quantising a model or an adapter did.
///
/// @param layers      the quantised ones, in the order of the files
/// @param bytesBefore of all tensors
public record QuantisationReport(List<QuantisedLayer> layers, long bytesBefore, long bytesAfter) {
    public QuantisationReport {
        layers = List.copyOf(layers);
    }

    /// Bits a quantised weight takes, scales included.
    public double bitsPerWeight() {
        long weights = layers.stream().mapToLong(QuantisedLayer::weights).sum();
        return weights == 0
                ? 0
                : 8.0 * layers.stream().mapToLong(QuantisedLayer::bytesAfter).sum() / weights;
    }

    /// Those that lost most first.
    public List<QuantisedLayer> worstFirst() {
        return layers.stream()
                .sorted(Comparator.comparingDouble(QuantisedLayer::error).reversed())
                .toList();
    }

    /// As it stands in `quantize_report.json`.
    public Map<String, Object> json() {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("bytes_before", bytesBefore);
        json.put("bytes_after", bytesAfter);
        json.put("bits_per_weight", bitsPerWeight());
        json.put("layers", layers.stream().map(QuantisedLayer::json).toList());
        return json;
    }
}
