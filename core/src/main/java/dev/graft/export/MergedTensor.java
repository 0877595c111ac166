package dev.graft.export;

import dev.graft.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.LinkedHashMap;
import java.util.Map;

/// What rounding made of the change of one tensor.
///
/// @param savedAs    type it is saved in, or the format it is packed in, such as `BF16`, `nf4`
/// @param elements   number of its elements
/// @param weightNorm `‖W‖`
/// @param deltaNorm  `‖ΔW‖`
/// @param errorNorm  `‖saved − (W + ΔW)‖`
/// @param changes    elements whose `ΔW` is not zero
/// @param swallowed  those of them that are saved as if there were no change
public record MergedTensor(
        String name,
        String savedAs,
        long elements,
        double weightNorm,
        double deltaNorm,
        double errorNorm,
        long changes,
        long swallowed) {
    /// `‖saved − (W + ΔW)‖ / ‖ΔW‖`: at 1, rounding is as large as what was learnt.
    public double roundingError() {
        return deltaNorm == 0 ? 0 : errorNorm / deltaNorm;
    }

    /// Share of the changed elements that are saved as if there were no change.
    public double swallowedShare() {
        return changes == 0 ? 0 : (double) swallowed / changes;
    }

    Map<String, Object> json() {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("tensor", name);
        json.put("dtype", savedAs);
        json.put("weight_norm", weightNorm);
        json.put("delta_norm", deltaNorm);
        json.put("rounding_error", roundingError());
        json.put("swallowed", swallowedShare());
        return json;
    }

    /// Adds up the blocks of one tensor, in float64.
    static final class Sums {
        private final String name;
        private final String savedAs;
        private long elements;
        private long changes;
        private long swallowed;
        private double weight;
        private double delta;
        private double error;

        Sums(String name, String savedAs) {
            this.name = name;
            this.savedAs = savedAs;
        }

        /// All float32, contiguous and of one shape.
        ///
        /// @param base      `W`
        /// @param change    `ΔW`
        /// @param saved     what is saved for `W + ΔW`
        /// @param unchanged what would be saved for `W`
        void add(Tensor base, Tensor change, Tensor saved, Tensor unchanged) {
            MemorySegment w = base.memory();
            MemorySegment d = change.memory();
            MemorySegment s = saved.memory();
            MemorySegment u = unchanged.memory();
            for (long i = 0; i < base.elements(); i++) {
                double before = w.getAtIndex(ValueLayout.JAVA_FLOAT, i);
                double wanted = d.getAtIndex(ValueLayout.JAVA_FLOAT, i);
                float got = s.getAtIndex(ValueLayout.JAVA_FLOAT, i);
                if (!Float.isFinite(got)) {
                    throw notFinite(elements + i, before, wanted);
                }
                double lost = got - (before + wanted);
                weight += before * before;
                delta += wanted * wanted;
                error += lost * lost;
                if (wanted != 0) {
                    changes++;
                    swallowed += got == u.getAtIndex(ValueLayout.JAVA_FLOAT, i) ? 1 : 0;
                }
            }
            elements += base.elements();
        }

        private IllegalStateException notFinite(long element, double before, double change) {
            boolean tooLarge = Double.isFinite(before + change);
            return new IllegalStateException("%s, element %,d: %s + %s is %s; nothing was written. %s"
                    .formatted(
                            name,
                            element,
                            (float) before,
                            (float) change,
                            tooLarge ? "too large for " + savedAs : "not finite",
                            tooLarge
                                    ? "Save in a type of wider range: --dtype bfloat16 or float32."
                                    : "The adapter or the base is damaged, or its training diverged."));
        }

        MergedTensor result() {
            return new MergedTensor(
                    name, savedAs, elements, Math.sqrt(weight), Math.sqrt(delta), Math.sqrt(error), changes, swallowed);
        }
    }
}
