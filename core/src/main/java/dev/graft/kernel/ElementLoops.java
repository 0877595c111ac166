package dev.graft.kernel;

import static dev.graft.kernel.Lanes.COUNT;
import static dev.graft.kernel.Lanes.all;
import static dev.graft.kernel.Lanes.at;
import static dev.graft.kernel.Lanes.load;
import static dev.graft.kernel.Lanes.sigmoid;
import static dev.graft.kernel.Lanes.store;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/// What [VectorKernels] does element by element. Arguments are addresses, see [Lanes]; each loop takes whole
/// registers and then, masked, what is left.
final class ElementLoops {
    private static final IntVector COUNTING = IntVector.zero(Lanes.INTS).addIndex(1);

    private ElementLoops() {}

    /// y = silu(gate) · up.
    static void swiGlu(long gate, long up, long y, int n, boolean half) {
        int i = 0;
        for (int end = n - COUNT; i <= end; i += COUNT) {
            FloatVector g = load(at(gate, i, half), half);
            store(sigmoid(g).mul(g).mul(load(at(up, i, half), half)), at(y, i, half), half);
        }
        if (i < n) {
            int left = n - i;
            FloatVector g = load(at(gate, i, half), left, half);
            store(sigmoid(g).mul(g).mul(load(at(up, i, half), left, half)), at(y, i, half), left, half);
        }
    }

    /// dUp = dY · silu(gate), dGate = dY · up · silu′(gate) with silu′ = σ + silu · (1 − σ).
    static void swiGluBackward(long dY, long gate, long up, long dGate, long dUp, int n, boolean half) {
        int i = 0;
        for (int end = n - COUNT; i <= end; i += COUNT) {
            FloatVector g = load(at(gate, i, half), half);
            FloatVector d = load(at(dY, i, half), half);
            FloatVector sigmoid = sigmoid(g);
            FloatVector silu = g.mul(sigmoid);
            FloatVector slope = slope(sigmoid, silu);
            store(d.mul(silu), at(dUp, i, half), half);
            store(d.mul(load(at(up, i, half), half)).mul(slope), at(dGate, i, half), half);
        }
        if (i < n) {
            int left = n - i;
            FloatVector g = load(at(gate, i, half), left, half);
            FloatVector d = load(at(dY, i, half), left, half);
            FloatVector sigmoid = sigmoid(g);
            FloatVector silu = g.mul(sigmoid);
            FloatVector slope = slope(sigmoid, silu);
            store(d.mul(silu), at(dUp, i, half), left, half);
            store(d.mul(load(at(up, i, half), left, half)).mul(slope), at(dGate, i, half), left, half);
        }
    }

    private static FloatVector slope(FloatVector sigmoid, FloatVector silu) {
        return sigmoid.add(silu.sub(silu.mul(sigmoid)));
    }

    /// Turns the heads of one token: `(a, b) → (a·cos − b·sin, b·cos + a·sin)` for both halves of a head.
    ///
    /// @param stepX bytes from one head to the next, `stepY` alike
    /// @param sign  −1 turns back
    static void turn(
            long x,
            long stepX,
            long y,
            long stepY,
            int heads,
            int pairs,
            long cos,
            long sin,
            float sign,
            boolean half) {
        long second = at(0, pairs, half);
        for (int i = 0; i < pairs; i += COUNT) {
            int count = Math.min(COUNT, pairs - i);
            FloatVector c = load(at(cos, i, false), count, false);
            FloatVector s = load(at(sin, i, false), count, false).mul(sign);
            long from = at(x, i, half);
            long to = at(y, i, half);
            if (count == COUNT) {
                for (int head = 0; head < heads; head++, from += stepX, to += stepY) {
                    FloatVector a = load(from, half);
                    FloatVector b = load(from + second, half);
                    store(a.mul(c).sub(b.mul(s)), to, half);
                    store(b.mul(c).add(a.mul(s)), to + second, half);
                }
            } else {
                for (int head = 0; head < heads; head++, from += stepX, to += stepY) {
                    FloatVector a = load(from, count, half);
                    FloatVector b = load(from + second, count, half);
                    store(a.mul(c).sub(b.mul(s)), to, count, half);
                    store(b.mul(c).add(a.mul(s)), to + second, count, half);
                }
            }
        }
    }

    /// y = x · (0 or scale), as the mask says of the elements from `first` on.
    static void dropout(long x, long y, long first, int n, DropoutMask mask, boolean half) {
        IntVector index = COUNTING.add((int) first + mask.before());
        int between = mask.between();
        int threshold = mask.threshold();
        float scale = mask.scale();
        int i = 0;
        for (int end = n - COUNT; i <= end; i += COUNT) {
            FloatVector factor = factors(index.add(i), between, threshold, scale);
            store(load(at(x, i, half), half).mul(factor), at(y, i, half), half);
        }
        if (i < n) {
            FloatVector factor = factors(index.add(i), between, threshold, scale);
            store(load(at(x, i, half), n - i, half).mul(factor), at(y, i, half), n - i, half);
        }
    }

    /// [DropoutMask#keeps] in vectors, as 0 or `scale`.
    private static FloatVector factors(IntVector hash, int between, int threshold, float scale) {
        IntVector once = mixed(hash, 16).mul(DropoutMask.FIRST_MULTIPLIER).lanewise(VectorOperators.XOR, between);
        IntVector twice = mixed(once, 15).mul(DropoutMask.SECOND_MULTIPLIER);
        IntVector upper = mixed(twice, 16).lanewise(VectorOperators.LSHR, 8);
        return Lanes.zero()
                .blend(scale, upper.compare(VectorOperators.GE, threshold).cast(Lanes.FLOATS));
    }

    private static IntVector mixed(IntVector hash, int shift) {
        return hash.lanewise(VectorOperators.XOR, hash.lanewise(VectorOperators.LSHR, shift));
    }

    /// The numbers of one AdamW step that are the same for all elements.
    ///
    /// @param keep     1 − learning rate · decay
    /// @param toMean   1 − beta1
    /// @param toSquare 1 − beta2
    /// @param correct  1 / sqrt(1 − beta2^step)
    /// @param rate     learning rate / (1 − beta1^step)
    record AdamWStep(
            float gradientScale,
            float keep,
            float toMean,
            float beta2,
            float toSquare,
            float correct,
            float epsilon,
            float rate) {}

    static void adamW(long parameter, long gradient, long m, long v, int n, AdamWStep step) {
        FloatVector scale = all(step.gradientScale());
        FloatVector toMean = all(step.toMean());
        FloatVector beta2 = all(step.beta2());
        FloatVector toSquare = all(step.toSquare());
        FloatVector correct = all(step.correct());
        FloatVector epsilon = all(step.epsilon());
        FloatVector keep = all(step.keep());
        FloatVector rate = all(-step.rate());
        for (int i = 0; i < n; i += COUNT) {
            long at = at(0, i, false);
            int count = Math.min(COUNT, n - i);
            boolean whole = count == COUNT;
            FloatVector g = (whole ? load(gradient + at, false) : load(gradient + at, count, false)).mul(scale);
            FloatVector mean = whole ? load(m + at, false) : load(m + at, count, false);
            FloatVector square = whole ? load(v + at, false) : load(v + at, count, false);
            FloatVector p = whole ? load(parameter + at, false) : load(parameter + at, count, false);
            mean = g.sub(mean).fma(toMean, mean);
            square = g.mul(g).fma(toSquare, square.mul(beta2));
            p = mean.div(square.sqrt().fma(correct, epsilon)).fma(rate, p.mul(keep));
            if (whole) {
                store(mean, m + at, false);
                store(square, v + at, false);
                store(p, parameter + at, false);
            } else {
                store(mean, m + at, count, false);
                store(square, v + at, count, false);
                store(p, parameter + at, count, false);
            }
        }
    }
}
