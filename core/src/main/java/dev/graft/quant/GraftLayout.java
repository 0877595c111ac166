package dev.graft.quant;

import dev.graft.quant.BitsAndBytes.Stored;
import dev.graft.tensor.DType;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// Packed weights of the formats that bitsandbytes has no layout for, in safetensors.
///
/// ```text
/// int8-affine  p.weight int8 [out, in], p.weight.scale float32 and p.weight.zero_point int8, [out] or [1],
///              p.input_scale float32 [1] and p.input_zero_point int8 [1] after a calibration
/// int4         p.weight uint8 [⌈n/2⌉], p.weight.absmax float32 [⌈n/block⌉], p.weight.shape int64 [2]
/// ```
///
/// A weight is `(q − zero_point) · scale`, or `code value · absmax` of its block with two codes in a
/// byte, the first in the upper half. What the format is stands in `quantization_config` of
/// `config.json`: see [GraftConfig].
///
/// @param rowsType type the weights had, which is not stored
public record GraftLayout(Stored stored, QuantFormat format, DType rowsType) implements PackedLayout {
    private static final String WEIGHT = ".weight";
    private static final String SCALE = ".scale";
    private static final String ZERO = ".zero_point";
    private static final String ABSMAX = ".absmax";
    private static final String SHAPE = ".shape";
    private static final long MOST_ELEMENTS = 1L << 48;
    public static final String INPUT_SCALE = ".input_scale";
    public static final String INPUT_ZERO = ".input_zero_point";

    /// Whether weights of a format are stored so.
    public static boolean has(QuantFormat format) {
        return format instanceof AffineInt8 || format instanceof Int4;
    }

    @Override
    public boolean packs(String weight) {
        return weight.endsWith(WEIGHT) && stored.has(weight + (format instanceof Int4 ? ABSMAX : SCALE));
    }

    @Override
    public Optional<String> weightOf(String name) {
        for (String suffix : List.of(SCALE, ZERO, ABSMAX, SHAPE)) {
            if (name.endsWith(WEIGHT + suffix)) {
                return Optional.of(name.substring(0, name.length() - suffix.length()));
            }
        }
        for (String suffix : List.of(INPUT_SCALE, INPUT_ZERO)) {
            if (name.endsWith(suffix)) {
                return Optional.of(name.substring(0, name.length() - suffix.length()) + WEIGHT)
                        .filter(stored::has);
            }
        }
        return Optional.empty();
    }

    @Override
    public Quantised read(String weight) {
        try (Scope scope = Scope.open()) {
            return switch (format) {
                case Int4 int4 -> blocks(weight, int4);
                case AffineInt8 affine -> affine(weight, affine);
                default -> throw new IllegalStateException(format + " is not stored in this layout");
            };
        }
    }

    private Quantised affine(String weight, AffineInt8 affine) {
        Tensor codes = stored.tensor(weight);
        if (codes.dtype() != DType.I8 || codes.dims() != 2) {
            throw new IllegalArgumentException("the codes are %s; expected a matrix of I8".formatted(codes));
        }
        long steps = affine.perRow() ? codes.size(0) : 1;
        Tensor scales = Inputs.magnitudes(weight + SCALE, part(weight + SCALE, DType.F32, steps));
        Tensor zeros = part(weight + ZERO, DType.I8, steps);
        requireInputSteps(weight.substring(0, weight.length() - WEIGHT.length()));
        return new AffineInt8.Affine(affine, rowsType, codes.retain(), scales.retain(), zeros.retain());
    }

    private Quantised blocks(String weight, Int4 int4) {
        long[] shape = part(weight + SHAPE, DType.I64, 2).toLongs();
        if (shape[0] < 1 || shape[1] < 1 || shape[0] > MOST_ELEMENTS / shape[1]) {
            throw new IllegalArgumentException(
                    "the shape is %s; expected two positive sizes".formatted(Arrays.toString(shape)));
        }
        long elements = shape[0] * shape[1];
        Tensor codes = part(weight, DType.U8, Int4.BOOK.bytes(elements));
        long count = (elements + int4.block() - 1) / int4.block();
        Tensor absmax = Inputs.magnitudes(weight + ABSMAX, part(weight + ABSMAX, DType.F32, count));
        return new Blockwise(
                int4, Int4.BOOK, int4.block(), shape, rowsType, codes.retain(), new BlockScales.Plain(absmax.retain()));
    }

    /// Graft computes without them, but the device that they are for does not.
    private void requireInputSteps(String module) {
        if (stored.has(module + INPUT_SCALE) || stored.has(module + INPUT_ZERO)) {
            Inputs.magnitudes(module + INPUT_SCALE, part(module + INPUT_SCALE, DType.F32, 1));
            part(module + INPUT_ZERO, DType.I8, 1);
        }
    }

    private Tensor part(String name, DType type, long elements) {
        if (!stored.has(name)) {
            throw new IllegalArgumentException("%s is missing".formatted(name));
        }
        Tensor tensor = stored.tensor(name);
        if (tensor.dtype() != type || tensor.elements() != elements) {
            throw new IllegalArgumentException(
                    "%s is %s; expected %,d elements of %s".formatted(name, tensor, elements, type));
        }
        return tensor.view(elements);
    }

    static Map<String, Tensor> tensors(String weight, Quantised packed) {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        packed.parts().forEach((suffix, tensor) -> tensors.put(weight + suffix, tensor));
        if (packed.format() instanceof Int4) {
            tensors.put(weight + SHAPE, Tensor.of(packed.shape()));
        }
        return tensors;
    }
}
