package dev.graft.export;

import dev.graft.quant.AffineInt8;
import dev.graft.quant.AffineInt8.Steps;
import dev.graft.quant.Quantised;
import dev.graft.tensor.Tensor;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/// What became of one weight that was quantised.
///
/// @param error  `‖W − Ŵ‖ / ‖W‖`
/// @param affine its scales and zero points, where its format has them
public record QuantisedLayer(
        String name, long weights, long bytesBefore, long bytesAfter, double error, Optional<Affine> affine) {

    /// Scales and zero points of a weight: one, or the range of those of its rows.
    ///
    /// @param input those of the layer's input, after a calibration
    public record Affine(
            float smallestScale, float largestScale, long lowestZero, long highestZero, Optional<Steps> input) {}

    static Optional<Affine> affine(Quantised packed, Optional<Steps> input) {
        if (!(packed.format() instanceof AffineInt8)) {
            return Optional.empty();
        }
        Tensor scales = packed.parts().get(".scale");
        long[] zeros = packed.parts().get(".zero_point").toLongs();
        return Optional.of(new Affine(
                (float) -scales.mul(-1).max().item(),
                (float) scales.max().item(),
                Arrays.stream(zeros).min().orElseThrow(),
                Arrays.stream(zeros).max().orElseThrow(),
                input));
    }

    /// `‖exact − rounded‖ / ‖exact‖`, float32.
    ///
    /// @param rounded is changed
    static double relativeError(Tensor exact, Tensor rounded) {
        double size = exact.norm();
        return size == 0 ? 0 : rounded.addInPlace(exact, -1).norm() / size;
    }

    Map<String, Object> json() {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("tensor", name);
        json.put("weights", weights);
        json.put("bytes_before", bytesBefore);
        json.put("bytes_after", bytesAfter);
        json.put("relative_error", error);
        affine.ifPresent(steps -> {
            json.put("smallest_scale", steps.smallestScale);
            json.put("largest_scale", steps.largestScale);
            json.put("lowest_zero_point", steps.lowestZero);
            json.put("highest_zero_point", steps.highestZero);
            steps.input.ifPresent(input -> {
                json.put("input_scale", input.scale());
                json.put("input_zero_point", input.zero());
            });
        });
        return json;
    }
}
