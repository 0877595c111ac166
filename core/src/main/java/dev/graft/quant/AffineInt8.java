package dev.graft.quant;

import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/// 8-bit whole numbers with a scale and a zero point, `x ≈ (q − zero) · scale`, as runtimes of small
/// devices have them.
///
/// Jacob et al. 2018, <https://arxiv.org/abs/1712.05877>; numbers are rounded as by torch's
/// `quantize_per_tensor` and `quantize_per_channel`.
///
/// @param perRow      whether each row of a matrix has a scale and zero point of its own
/// @param symmetric   whether the zero point is 0
/// @param calibration chooses the range
public record AffineInt8(boolean perRow, boolean symmetric, Calibration calibration) implements QuantFormat {
    static final String NAME = "int8-affine";

    /// A scale and a zero point a row, over the whole of its range.
    public AffineInt8() {
        this(true, false, new Calibration.MinMax());
    }

    @Override
    public String name() {
        return NAME;
    }

    /// What numbers are divided by, and what stands for zero.
    ///
    /// @param zero from −128 to 127
    public record Steps(float scale, int zero) {
        int code(float x) {
            return (int) Math.clamp(Math.rint(x * (1 / scale)) + zero, -128, 127);
        }
    }

    /// The steps for numbers such as those of a calibration set: a tensor's own, or activations.
    public Steps steps(CalibrationHistogram seen) {
        Calibration.Range range = calibration.range(seen);
        if (range.low() == range.high()) {
            return new Steps(1, 0); // nothing but zeros
        }
        if (symmetric) {
            return new Steps((float) Math.max(Math.max(-range.low(), range.high()) / 127, Float.MIN_NORMAL), 0);
        }
        float low = (float) range.low();
        float scale = Math.max(((float) range.high() - low) / 255, Float.MIN_NORMAL); // in float32, as torch
        return new Steps(scale, (int) Math.clamp(-128 - Math.rint(low / scale), -128, 127));
    }

    @Override
    public Quantised quantise(Tensor values) {
        if (perRow && values.dims() != 2) {
            throw new IllegalArgumentException("%s for each row packs matrices; this has shape %s"
                    .formatted(NAME, Arrays.toString(values.shape())));
        }
        try (Scope scope = Scope.open()) {
            float[] numbers = Inputs.packable(NAME, values).toFloats();
            int rows = perRow ? (int) values.size(0) : 1;
            int width = numbers.length / rows;
            Steps[] steps = new Steps[rows];
            byte[] codes = new byte[numbers.length];
            for (int row = 0; row < rows; row++) {
                CalibrationHistogram seen = new CalibrationHistogram();
                seen.add(Arrays.copyOfRange(numbers, row * width, (row + 1) * width));
                steps[row] = steps(seen);
                for (int i = row * width; i < (row + 1) * width; i++) {
                    codes[i] = (byte) steps[row].code(numbers[i]);
                }
            }
            return Affine.of(this, values.dtype(), values.shape(), codes, steps, values.device());
        }
    }

    /// @param codes  int8
    /// @param scales float32, one, or one a row
    /// @param zeros  int8, as many
    record Affine(AffineInt8 format, DType dtype, Tensor codes, Tensor scales, Tensor zeros) implements Quantised {
        private static Affine of(
                AffineInt8 format, DType dtype, long[] shape, byte[] codes, Steps[] steps, Device device) {
            float[] scales = new float[steps.length];
            byte[] zeros = new byte[steps.length];
            for (int i = 0; i < steps.length; i++) {
                scales[i] = steps[i].scale();
                zeros[i] = (byte) steps[i].zero();
            }
            return new Affine(
                    format,
                    dtype,
                    bytes(codes, shape).to(device).retain(),
                    Tensor.of(scales).to(device).retain(),
                    bytes(zeros, steps.length).to(device).retain());
        }

        private static Tensor bytes(byte[] values, long... shape) {
            Tensor tensor = Tensor.empty(DType.I8, Device.cpu(), shape);
            tensor.memory().copyFrom(MemorySegment.ofArray(values));
            return tensor;
        }

        @Override
        public long[] shape() {
            return codes.shape();
        }

        @Override
        public Device device() {
            return codes.device();
        }

        @Override
        public void unpack(Tensor into) {
            try (Scope scope = Scope.open()) {
                long rows = scales.elements();
                Tensor matrix = codes.view(rows, codes.elements() / rows);
                Tensor shifted = matrix.to(DType.F32).sub(zeros.to(DType.F32).unsqueeze(1));
                into.copyInPlace(shifted.mulInPlace(scales.unsqueeze(1)).view(into.shape()));
            }
        }

        @Override
        public Map<String, Tensor> parts() {
            Map<String, Tensor> parts = new LinkedHashMap<>();
            parts.put("", codes);
            parts.put(".scale", scales);
            parts.put(".zero_point", zeros);
            return parts;
        }

        @Override
        public void close() {
            codes.release();
            scales.release();
            zeros.release();
        }
    }
}
