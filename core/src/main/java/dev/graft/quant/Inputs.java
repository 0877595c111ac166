package dev.graft.quant;

import dev.graft.tensor.DType;
import dev.graft.tensor.Tensor;
import java.util.Arrays;
import java.util.Set;

/// What every format asks of the numbers it is given.
final class Inputs {
    private static final Set<DType> TYPES = Set.of(DType.F32, DType.BF16, DType.F16);

    private Inputs() {}

    /// The tensor, contiguous, once its type and numbers are ones a format can pack.
    static Tensor packable(String format, Tensor values) {
        if (!TYPES.contains(values.dtype())) {
            throw new IllegalArgumentException("%s packs F32, BF16 and F16; this is %s".formatted(format, values));
        }
        if (values.elements() == 0) {
            throw new IllegalArgumentException("%s packs tensors with numbers in them; this one has shape %s"
                    .formatted(format, Arrays.toString(values.shape())));
        }
        if (!values.allFinite()) {
            throw new IllegalArgumentException(
                    "the tensor %s holds numbers that are not finite, which %s cannot keep; the weights are damaged"
                            .formatted(Arrays.toString(values.shape()), format));
        }
        return values.contiguous();
    }

    /// Scales as a file has them, which must be what they can be in files that were written whole.
    ///
    /// @param scales float32
    static Tensor magnitudes(String name, Tensor scales) {
        if (!scales.allFinite() || scales.neg().max().item() > 0) {
            throw new IllegalArgumentException(
                    "%s holds numbers that are negative or not finite; expected magnitudes".formatted(name));
        }
        return scales;
    }
}
