package dev.graft.kernel;

import static dev.graft.kernel.Lanes.COUNT;
import static dev.graft.kernel.Lanes.all;
import static dev.graft.kernel.Lanes.at;
import static dev.graft.kernel.Lanes.exp;
import static dev.graft.kernel.Lanes.larger;
import static dev.graft.kernel.Lanes.load;
import static dev.graft.kernel.Lanes.store;
import static dev.graft.kernel.Lanes.zero;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/// What [VectorKernels] does to one row: sums, norms, softmax. Arguments are addresses, see [Lanes].
///
/// Each loop takes whole registers and then, masked, what is left. Sums run in four registers, since one alone would
/// wait for the previous addition every time.
final class RowLoops {
    /// Elements that stay in the first-level cache between two passes.
    private static final int CHUNK = 2048;

    private RowLoops() {}

    /// Σ a · b.
    static float dot(long a, long b, int n, boolean half) {
        FloatVector s0 = zero();
        FloatVector s1 = zero();
        FloatVector s2 = zero();
        FloatVector s3 = zero();
        int i = 0;
        for (int end = n - 4 * COUNT; i <= end; i += 4 * COUNT) {
            s0 = load(at(a, i, half), half).fma(load(at(b, i, half), half), s0);
            s1 = load(at(a, i + COUNT, half), half).fma(load(at(b, i + COUNT, half), half), s1);
            s2 = load(at(a, i + 2 * COUNT, half), half).fma(load(at(b, i + 2 * COUNT, half), half), s2);
            s3 = load(at(a, i + 3 * COUNT, half), half).fma(load(at(b, i + 3 * COUNT, half), half), s3);
        }
        for (int end = n - COUNT; i <= end; i += COUNT) {
            s0 = load(at(a, i, half), half).fma(load(at(b, i, half), half), s0);
        }
        if (i < n) {
            s1 = load(at(a, i, half), n - i, half).fma(load(at(b, i, half), n - i, half), s1);
        }
        return total(s0, s1, s2, s3);
    }

    private static float total(FloatVector s0, FloatVector s1, FloatVector s2, FloatVector s3) {
        return Lanes.sum(s0.add(s1).add(s2.add(s3)));
    }

    /// y = x · inverse · gain.
    static void scaled(long x, float inverse, long gain, long y, int n, boolean half) {
        FloatVector factor = all(inverse);
        int i = 0;
        for (int end = n - COUNT; i <= end; i += COUNT) {
            FloatVector value = load(at(x, i, half), half).mul(factor).mul(load(at(gain, i, false), false));
            store(value, at(y, i, half), half);
        }
        if (i < n) {
            int left = n - i;
            FloatVector value = load(at(x, i, half), left, half).mul(factor).mul(load(at(gain, i, false), left, false));
            store(value, at(y, i, half), left, half);
        }
    }

    /// dX = inverse · (dY · gain − x · inverse² · mean(dY · gain · x)).
    static void rmsNormBackward(long dY, long x, long gain, float inverse, long dX, int n, boolean half) {
        float along = gainedDot(dY, gain, x, n, half) / n;
        FloatVector a = all(inverse);
        FloatVector b = all(-inverse * inverse * inverse * along);
        int i = 0;
        for (int end = n - COUNT; i <= end; i += COUNT) {
            FloatVector direct = load(at(dY, i, half), half)
                    .mul(load(at(gain, i, false), false))
                    .mul(a);
            store(load(at(x, i, half), half).fma(b, direct), at(dX, i, half), half);
        }
        if (i < n) {
            int left = n - i;
            FloatVector direct = load(at(dY, i, half), left, half)
                    .mul(load(at(gain, i, false), left, false))
                    .mul(a);
            store(load(at(x, i, half), left, half).fma(b, direct), at(dX, i, half), left, half);
        }
    }

    /// Σ dY · gain · x.
    private static float gainedDot(long dY, long gain, long x, int n, boolean half) {
        FloatVector s0 = zero();
        FloatVector s1 = zero();
        int i = 0;
        for (int end = n - 2 * COUNT; i <= end; i += 2 * COUNT) {
            int j = i + COUNT;
            FloatVector a = load(at(dY, i, half), half).mul(load(at(gain, i, false), false));
            FloatVector b = load(at(dY, j, half), half).mul(load(at(gain, j, false), false));
            s0 = a.fma(load(at(x, i, half), half), s0);
            s1 = b.fma(load(at(x, j, half), half), s1);
        }
        for (; i < n; i += COUNT) {
            int left = Math.min(n - i, COUNT);
            FloatVector a = load(at(dY, i, half), left, half).mul(load(at(gain, i, false), left, false));
            s0 = a.fma(load(at(x, i, half), left, half), s0);
        }
        return total(s0, s1, zero(), zero());
    }

    /// sums += dY · x · inverse.
    static void addGainGradient(long dY, long x, float inverse, long sums, int n, boolean half) {
        FloatVector factor = all(inverse);
        int i = 0;
        for (int end = n - COUNT; i <= end; i += COUNT) {
            FloatVector normed = load(at(x, i, half), half).mul(factor);
            long sum = at(sums, i, false);
            store(load(at(dY, i, half), half).fma(normed, load(sum, false)), sum, false);
        }
        if (i < n) {
            int left = n - i;
            FloatVector normed = load(at(x, i, half), left, half).mul(factor);
            long sum = at(sums, i, false);
            store(load(at(dY, i, half), left, half).fma(normed, load(sum, left, false)), sum, left, false);
        }
    }

    /// log Σ exp(scale · x), reading memory once: a chunk's largest value, then its sum while it is near.
    ///
    /// @param scale positive
    static float logSumExp(long x, int n, float scale, boolean half) {
        float largest = Float.NEGATIVE_INFINITY;
        double sum = 0;
        for (int i = 0; i < n; i += CHUNK) {
            int length = Math.min(CHUNK, n - i);
            float here = scale * largest(at(x, i, half), length, half);
            if (here > largest) {
                sum *= Math.exp(largest - here);
                largest = here;
            }
            float base = largest == Float.NEGATIVE_INFINITY ? 0 : largest; // all −∞ so far: each adds exp(−∞) = 0
            sum += sumExp(at(x, i, half), length, scale, base, half);
        }
        return (float) ((largest == Float.NEGATIVE_INFINITY ? 0 : largest) + Math.log(sum));
    }

    private static float largest(long x, int n, boolean half) {
        FloatVector m0 = all(Float.NEGATIVE_INFINITY);
        FloatVector m1 = m0;
        FloatVector m2 = m0;
        FloatVector m3 = m0;
        int i = 0;
        for (int end = n - 4 * COUNT; i <= end; i += 4 * COUNT) {
            m0 = larger(m0, load(at(x, i, half), half));
            m1 = larger(m1, load(at(x, i + COUNT, half), half));
            m2 = larger(m2, load(at(x, i + 2 * COUNT, half), half));
            m3 = larger(m3, load(at(x, i + 3 * COUNT, half), half));
        }
        for (int end = n - COUNT; i <= end; i += COUNT) {
            m0 = larger(m0, load(at(x, i, half), half));
        }
        if (i < n) {
            FloatVector last = load(at(x, i, half), n - i, half);
            m1 = m1.blend(larger(m1, last), Lanes.lanes(n - i));
        }
        return larger(larger(m0, m1), larger(m2, m3)).reduceLanes(VectorOperators.MAX);
    }

    /// Σ exp(scale · x − base).
    private static float sumExp(long x, int n, float scale, float base, boolean half) {
        FloatVector factor = all(scale);
        FloatVector shift = all(-base);
        FloatVector s0 = zero();
        FloatVector s1 = zero();
        int i = 0;
        for (int end = n - 2 * COUNT; i <= end; i += 2 * COUNT) {
            s0 = s0.add(exp(load(at(x, i, half), half).fma(factor, shift)));
            s1 = s1.add(exp(load(at(x, i + COUNT, half), half).fma(factor, shift)));
        }
        for (; i < n; i += COUNT) {
            int left = Math.min(n - i, COUNT);
            FloatVector term = exp(load(at(x, i, half), left, half).fma(factor, shift));
            s0 = s0.add(term, Lanes.lanes(left));
        }
        return total(s0, s1, zero(), zero());
    }

    /// x ← factor · exp(scale · x − shift).
    static void expInPlace(long x, int n, float scale, float shift, float factor, boolean half) {
        FloatVector a = all(scale);
        FloatVector b = all(-shift);
        FloatVector c = all(factor);
        int i = 0;
        for (int end = n - COUNT; i <= end; i += COUNT) {
            long here = at(x, i, half);
            store(exp(load(here, half).fma(a, b)).mul(c), here, half);
        }
        if (i < n) {
            long here = at(x, i, half);
            store(exp(load(here, n - i, half).fma(a, b)).mul(c), here, n - i, half);
        }
    }

    /// s ← p = exp(scale · s − shift), dP ← p · (dP − delta) · scale.
    static void softmaxBackward(long s, long dP, int n, float scale, float shift, float delta, boolean half) {
        FloatVector a = all(scale);
        FloatVector b = all(-shift);
        FloatVector c = all(-delta);
        int i = 0;
        for (int end = n - COUNT; i <= end; i += COUNT) {
            long here = at(s, i, half);
            long there = at(dP, i, half);
            FloatVector p = exp(load(here, half).fma(a, b));
            store(p, here, half);
            store(load(there, half).add(c).mul(p).mul(a), there, half);
        }
        if (i < n) {
            int left = n - i;
            long here = at(s, i, half);
            long there = at(dP, i, half);
            FloatVector p = exp(load(here, left, half).fma(a, b));
            store(p, here, left, half);
            store(load(there, left, half).add(c).mul(p).mul(a), there, left, half);
        }
    }

    static void clear(long x, int n, boolean half) {
        int i = 0;
        for (int end = n - COUNT; i <= end; i += COUNT) {
            store(zero(), at(x, i, half), half);
        }
        if (i < n) {
            store(zero(), at(x, i, half), n - i, half);
        }
    }
}
