package dev.graft.export;

import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// How much of the combined change an adapter of limited rank holds.
public record FoldReport(int rank, List<Layer> layers) {
    /// @param name     of the tensor
    /// @param norm     `‖ΔW‖`
    /// @param residual `‖ΔW − B·A‖`
    public record Layer(String name, double norm, double residual) {
        /// `‖ΔW − B·A‖ / ‖ΔW‖`
        public double relative() {
            return norm == 0 ? 0 : residual / norm;
        }
    }

    public FoldReport {
        layers = List.copyOf(layers);
    }

    /// `‖ΔW − B·A‖ / ‖ΔW‖` over all layers.
    public double residual() {
        double all = 0;
        double left = 0;
        for (Layer layer : layers) {
            all += layer.norm * layer.norm;
            left += layer.residual * layer.residual;
        }
        return all == 0 ? 0 : Math.sqrt(left / all);
    }

    /// Those that lost most first.
    public List<Layer> worstFirst() {
        return layers.stream()
                .sorted(Comparator.comparingDouble(Layer::relative).reversed())
                .toList();
    }

    /// As it stands in `merge_report.json`.
    public Map<String, Object> json() {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("rank", rank);
        json.put("residual", residual());
        json.put(
                "layers",
                layers.stream()
                        .map(layer -> {
                            Map<String, Object> one = new LinkedHashMap<>();
                            one.put("tensor", layer.name);
                            one.put("delta_norm", layer.norm);
                            one.put("residual", layer.relative());
                            return one;
                        })
                        .toList());
        return json;
    }
}
