package dev.graft.nn;

import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;

/// Cosines and sines of rotary positions, grown as longer documents come.
///
/// Su et al. 2021, <https://arxiv.org/abs/2104.09864>.
public final class RotaryTable implements AutoCloseable {
    private final double[] frequencies;
    private final Device device;
    private Tensor cos;
    private Tensor sin;
    private int length;

    /// @param frequencies angle per position of each pair, `[headDim / 2]`
    public RotaryTable(double[] frequencies, Device device) {
        this.frequencies = frequencies.clone();
        this.device = device;
    }

    /// Rows of the table for tokens at these positions, float32 `[tokens, headDim / 2]` each.
    public CosSin at(int[] positions) {
        int needed = 0;
        for (int position : positions) {
            needed = Math.max(needed, position + 1);
        }
        if (needed > length) {
            grow(Math.max(needed, Math.min(2 * length, 1 << 16)));
        }
        Tensor index = Tensor.of(positions).to(device);
        return new CosSin(cos.indexSelect(0, index), sin.indexSelect(0, index));
    }

    public record CosSin(Tensor cos, Tensor sin) {}

    private void grow(int newLength) {
        int half = frequencies.length;
        float[] cosines = new float[newLength * half];
        float[] sines = new float[newLength * half];
        for (int position = 0; position < newLength; position++) {
            for (int i = 0; i < half; i++) {
                // The angle is rounded to float32 first, as the reference implementations compute it.
                float angle = position * (float) frequencies[i];
                cosines[position * half + i] = (float) Math.cos(angle);
                sines[position * half + i] = (float) Math.sin(angle);
            }
        }
        close();
        try (Scope scope = Scope.open()) {
            cos = Tensor.of(cosines, newLength, half).to(device).retain();
            sin = Tensor.of(sines, newLength, half).to(device).retain();
        }
        length = newLength;
    }

    @Override
    public void close() {
        if (cos != null) {
            cos.release();
            sin.release();
            cos = null;
            sin = null;
        }
    }
}
