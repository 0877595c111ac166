package dev.graft.kernel;

import static dev.graft.kernel.Lanes.COUNT;
import static dev.graft.kernel.Lanes.FLOATS;
import static dev.graft.kernel.Tile.MEMORY;
import static jdk.incubator.vector.FloatVector.fromArray;

import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/// One block of [VectorQuantKernels#adamWInPlace] at a time, in tiles that one thread uses again and again.
final class MomentsLoops {
    private static final float[] SIGNED = DynamicMap.SIGNED.values();
    private static final float[] UNSIGNED = DynamicMap.UNSIGNED.values();

    private final MomentsStep numbers;
    private final float[] p;
    private final float[] g;
    private final float[] m;
    private final float[] v;

    MomentsLoops(MomentsStep numbers, int block) {
        this.numbers = numbers;
        this.p = Tile.of(block);
        this.g = Tile.of(block);
        this.m = Tile.of(block);
        this.v = Tile.of(block);
    }

    /// Addresses of `n` elements, their gradients, the codes of their moments and the scales of those.
    void step(long parameter, long gradient, long first, long firstScale, long second, long secondScale, int n) {
        Tile.read(parameter, false, p, 0, n);
        Tile.read(gradient, false, g, 0, n);
        unpack(first, SIGNED, firstScale, m, n);
        unpack(second, UNSIGNED, secondScale, v, n);
        for (float[] tile : new float[][] {p, g, m, v}) {
            Tile.pad(tile, n, 0);
        }
        update(Tile.padded(n));
        Tile.write(p, 0, parameter, false, n);
        packSigned(first, firstScale, n);
        float largest = QuantLoops.magnitude(v, Tile.padded(n));
        Tile.put(largest, secondScale, false);
        divide(v, v, largest, Tile.padded(n));
        QuantLoops.search(v, n, DynamicMap.UNSIGNED, second);
    }

    private static void unpack(long codes, float[] values, long scale, float[] tile, int n) {
        float absmax = Tile.get(scale, false);
        for (int i = 0; i < n; i++) {
            tile[i] = values[MEMORY.get(ValueLayout.JAVA_BYTE, codes + i) & 0xff] * absmax;
        }
    }

    /// No fused products: each operation is rounded, as in the plain body.
    private void update(int n) {
        FloatVector zero = FloatVector.zero(FLOATS);
        for (int i = 0; i < n; i += COUNT) {
            FloatVector gradient = fromArray(FLOATS, g, i);
            VectorMask<Float> finite = gradient.test(VectorOperators.IS_FINITE);
            FloatVector scaled = gradient.mul(numbers.scale());
            FloatVector square = fromArray(FLOATS, v, i)
                    .mul(numbers.beta2())
                    .add(scaled.mul(numbers.rest2()).mul(scaled));
            FloatVector mean = fromArray(FLOATS, m, i).mul(numbers.beta1()).add(scaled.mul(numbers.rest1()));
            square = zero.blend(square, finite);
            mean = zero.blend(mean, finite);
            FloatVector before = fromArray(FLOATS, p, i);
            FloatVector change = mean.div(square.sqrt().add(numbers.epsilon())).mul(numbers.rate());
            FloatVector moved = before.add(change).mul(numbers.keep());
            before.blend(moved, finite).intoArray(p, i);
            square.intoArray(v, i);
            mean.intoArray(m, i);
        }
    }

    /// Codes of the means; one whose value has the other sign makes way for its neighbour.
    private void packSigned(long codes, long scale, int n) {
        float largest = QuantLoops.magnitude(m, Tile.padded(n));
        Tile.put(largest, scale, false);
        divide(m, g, largest, Tile.padded(n));
        for (int i = 0; i < n; i++) {
            int code = DynamicMap.SIGNED.code(g[i]);
            if (isNegative(SIGNED[code]) != isNegative(m[i])) {
                code += m[i] > 0 ? 1 : -1;
            }
            MEMORY.set(ValueLayout.JAVA_BYTE, codes + i, (byte) code);
        }
    }

    private static boolean isNegative(float x) {
        return Float.floatToRawIntBits(x) < 0;
    }

    private static void divide(float[] numbers, float[] quotients, float by, int n) {
        for (int i = 0; i < n; i += COUNT) {
            fromArray(FLOATS, numbers, i).div(by).intoArray(quotients, i);
        }
    }
}
