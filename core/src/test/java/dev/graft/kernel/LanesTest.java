package dev.graft.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class LanesTest {
    private static final int N = 64 * 1024;

    @Test
    void roundingToBfloat16IsLibtorchs() {
        Random random = new Random(3);
        float[] values = new float[N];
        for (int i = 0; i < N; i++) {
            // all exponents with mantissas that often lie half way between two bfloat16 numbers
            values[i] = Float.intBitsToFloat(random.nextInt() & (i % 2 == 0 ? ~0 : 0xffff8000));
            if (Float.isNaN(values[i])) {
                values[i] = 1; // the bits of a NaN are nobody's promise
            }
        }
        values[0] = Float.POSITIVE_INFINITY;
        values[1] = -Float.MAX_VALUE;
        values[2] = Float.MIN_VALUE;
        try (Scope scope = Scope.open()) {
            Tensor source = Tensor.of(values);
            Tensor expected = source.to(DType.BF16);
            Tensor actual = Tensor.empty(DType.BF16, Device.cpu(), N);
            long from = source.memory().address();
            long to = actual.memory().address();
            float[] tile = Tile.of(N);
            Tile.read(from, false, tile, 0, N);
            Tile.write(tile, 0, to, true, N);
            assertThat(actual.memory().toArray(ValueLayout.JAVA_SHORT))
                    .containsExactly(expected.memory().toArray(ValueLayout.JAVA_SHORT));
            for (int i = 0; i < N; i++) {
                Tile.put(values[i], Tile.at(to, i, true), true);
            }
            assertThat(actual.toFloats()).containsExactly(expected.toFloats());
            tile[0] = Float.NaN;
            Tile.write(tile, 0, to, true, Lanes.COUNT);
            assertThat(Tile.get(to, true)).isNaN();
        }
    }

    @Test
    void exponentialIsWithinTwoUnitsInTheLastPlace() {
        for (float start = -90; start < 90; start += 0.0037f) {
            float[] in = new float[Lanes.COUNT];
            for (int i = 0; i < in.length; i++) {
                in[i] = start + i * 0.0001f;
            }
            float[] out = in.clone();
            Loops.expSum(out, out.length, 1, 0);
            for (int i = 0; i < in.length; i++) {
                float expected = (float) Math.exp(in[i]);
                if (expected < Float.MIN_NORMAL) {
                    assertThat(out[i]).as("exp(%s)", in[i]).isBetween(0f, Float.MIN_NORMAL);
                } else if (Math.abs(expected) > Float.MAX_VALUE) {
                    assertThat(out[i]).isEqualTo(Float.POSITIVE_INFINITY);
                } else if (!(Math.abs(out[i] - expected) <= 2 * Math.ulp(expected))) {
                    throw new AssertionError("exp(%s) is %s; expected %s".formatted(in[i], out[i], expected));
                }
            }
        }
    }

    @Test
    void exponentialOfExtremesIsZeroInfiniteOrNoNumber() {
        assertThat(exp(Float.NEGATIVE_INFINITY)).isZero();
        assertThat(exp(-1e30f)).isZero();
        assertThat(exp(0)).isEqualTo(1);
        assertThat(exp(1e30f)).isEqualTo(Float.POSITIVE_INFINITY);
        assertThat(exp(Float.POSITIVE_INFINITY)).isEqualTo(Float.POSITIVE_INFINITY);
        assertThat(exp(Float.NaN)).isNaN();
    }

    private static float exp(float x) {
        float[] register = new float[Lanes.COUNT];
        register[0] = x;
        Loops.expSum(register, register.length, 1, 0);
        return register[0];
    }

    /// Interpreted at first, compiled in the end: the same additions in the same order.
    @Test
    void sumOfARegisterStaysTheSameWhenItIsCompiled() {
        float[] values = new float[Lanes.COUNT];
        var random = new SplittableRandom(3);
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        float[] halves = values.clone();
        for (int n = halves.length / 2; n > 0; n /= 2) {
            for (int i = 0; i < n; i++) {
                halves[i] += halves[i + n];
            }
        }
        for (int i = 0; i < 100_000; i++) {
            if (Lanes.total(values.clone()) != halves[0] || Lanes.sum(values, 0) != halves[0]) {
                assertThat(Lanes.total(values.clone())).as("call %d", i).isEqualTo(halves[0]);
                assertThat(Lanes.sum(values, 0)).as("call %d", i).isEqualTo(halves[0]);
            }
        }
    }
}
