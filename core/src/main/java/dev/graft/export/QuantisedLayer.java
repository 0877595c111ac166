package dev.graft.export;

import dev.graft.quant.AffineInt8;
import dev.graft.quant.AffineInt8.Steps;
import dev.graft.quant.Quantised;
import dev.graft.tensor.DType;
import dev.graft.tensor.Packed;
import dev.graft.tensor.Scope;
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
    private static final long ELEMENTS_AT_ONCE = 1 << 20;

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

    /// `‖exact − packed‖ / ‖exact‖`, float32, some rows at a time where the format packs them apart.
    static double relativeError(Tensor exact, Packed packed) {
        if (exact.dims() != 2 || packed.rows(0, 1).isEmpty()) {
            return new Squares().plus(exact, packed).ratio();
        }
        Squares sums = new Squares();
        long step = Math.max(1, ELEMENTS_AT_ONCE / exact.size(1));
        for (long first = 0; first < exact.size(0); first += step) {
            long count = Math.min(step, exact.size(0) - first);
            try (Scope scope = Scope.open()) {
                sums.plus(
                        exact.narrow(0, first, count), packed.rows(first, count).orElseThrow());
            }
        }
        return sums.ratio();
    }

    /// Squares of numbers and of what rounding takes from them.
    private static final class Squares {
        private double exact;
        private double lost;

        Squares plus(Tensor numbers, Packed packed) {
            try (Scope scope = Scope.open()) {
                Tensor values = numbers.to(DType.F32);
                Tensor rounded = packed.unpacked(DType.F32, numbers.device());
                exact += square(values.norm());
                lost += square(rounded.addInPlace(values, -1).norm());
            }
            return this;
        }

        private static double square(double x) {
            return x * x;
        }

        double ratio() {
            return exact == 0 ? 0 : Math.sqrt(lost / exact);
        }
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
