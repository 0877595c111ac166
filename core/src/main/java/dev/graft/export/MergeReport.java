package dev.graft.export;

import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// What a merge did.
///
/// @param layers   the tensors that were changed
/// @param tensors  number of tensors written
/// @param retyped  number of unchanged tensors that were rounded to another type
/// @param retyping `‖saved − W‖ / ‖W‖` over these; 0 when there are none
public record MergeReport(List<MergedTensor> layers, int tensors, int retyped, double retyping) {
    public MergeReport {
        layers = List.copyOf(layers);
    }

    /// Number of tensors that were changed.
    public int changed() {
        return layers.size();
    }

    /// `‖saved − (W + ΔW)‖ / ‖ΔW‖` over all changed tensors: how much of the change rounding ate.
    public double roundingError() {
        double lost = norm(layers.stream().mapToDouble(MergedTensor::errorNorm).toArray());
        double wanted = deltaNorm();
        return wanted == 0 ? 0 : lost / wanted;
    }

    /// `‖ΔW‖` over all tensors.
    public double deltaNorm() {
        return norm(layers.stream().mapToDouble(MergedTensor::deltaNorm).toArray());
    }

    /// Share of the changed elements that are saved as if there were no change.
    public double swallowedShare() {
        long changes = layers.stream().mapToLong(MergedTensor::changes).sum();
        long swallowed = layers.stream().mapToLong(MergedTensor::swallowed).sum();
        return changes == 0 ? 0 : (double) swallowed / changes;
    }

    /// The changed tensors, those that rounding hurt most first.
    public List<MergedTensor> worstFirst() {
        return layers.stream()
                .sorted(Comparator.comparingDouble(MergedTensor::roundingError).reversed())
                .toList();
    }

    /// As it stands in `merge_report.json`.
    public Map<String, Object> json() {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("tensors", tensors);
        json.put("changed", changed());
        json.put("delta_norm", deltaNorm());
        json.put("rounding_error", roundingError());
        json.put("swallowed", swallowedShare());
        json.put("unchanged_but_rounded", retyped);
        json.put("unchanged_rounding_error", retyping);
        json.put("layers", layers.stream().map(MergedTensor::json).toList());
        return json;
    }

    private static double norm(double[] parts) {
        double sum = 0;
        for (double part : parts) {
            sum += part * part;
        }
        return Math.sqrt(sum);
    }
}
