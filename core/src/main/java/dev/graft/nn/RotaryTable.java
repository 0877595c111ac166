package dev.graft.nn;

import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;

/// Cosines and sines of rotary positions, grown as longer documents come.
public final class RotaryTable implements AutoCloseable {
    private final Rotation rotation;
    private final Device device;
    private Tensor cos;
    private Tensor sin;
    private int length;

    public RotaryTable(Rotation rotation, Device device) {
        this.rotation = rotation;
        this.device = device;
    }

    /// Rows of the table for tokens at these positions, float32 `[tokens, pairs]` each.
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
        float[] frequencies = rotation.frequencies();
        int pairs = frequencies.length;
        float[] cosines = new float[newLength * pairs];
        float[] sines = new float[newLength * pairs];
        for (int position = 0; position < newLength; position++) {
            for (int i = 0; i < pairs; i++) {
                // The angle is rounded to float32 first, as the reference implementations compute it.
                float angle = position * frequencies[i];
                cosines[position * pairs + i] = (float) Math.cos(angle);
                sines[position * pairs + i] = (float) Math.sin(angle);
            }
        }
        close();
        try (Scope scope = Scope.open()) {
            cos = Tensor.of(cosines, newLength, pairs).to(device).retain();
            sin = Tensor.of(sines, newLength, pairs).to(device).retain();
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
