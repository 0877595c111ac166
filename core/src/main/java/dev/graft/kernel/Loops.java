package dev.graft.kernel;

import static dev.graft.kernel.Lanes.COUNT;
import static dev.graft.kernel.Lanes.FLOATS;
import static dev.graft.kernel.Lanes.all;
import static dev.graft.kernel.Lanes.exp;
import static dev.graft.kernel.Lanes.larger;
import static dev.graft.kernel.Lanes.total;
import static dev.graft.kernel.Lanes.zero;
import static jdk.incubator.vector.FloatVector.fromArray;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/// The vector loops of [VectorKernels] over tiles. `n` is a whole number of registers: see [Tile] for the
/// padding and for why each loop is small.
///
/// Where a sum does little else it runs in two registers, since one alone would wait for its previous
/// addition.
final class Loops {
    private static final IntVector COUNTING = IntVector.zero(Lanes.INTS).addIndex(1);

    private Loops() {}

    // ---------------------------------------------------------------- sums

    /// Σ a².
    static float squares(float[] a, int n) {
        FloatVector s0 = zero();
        FloatVector s1 = zero();
        int i = 0;
        for (int end = n - 2 * COUNT; i <= end; i += 2 * COUNT) {
            FloatVector x = fromArray(FLOATS, a, i);
            FloatVector y = fromArray(FLOATS, a, i + COUNT);
            s0 = x.fma(x, s0);
            s1 = y.fma(y, s1);
        }
        if (i < n) {
            FloatVector x = fromArray(FLOATS, a, i);
            s0 = x.fma(x, s0);
        }
        return total(s0.add(s1));
    }

    /// a ← a · gain; Σ a · b.
    static float gainedDot(float[] a, float[] gain, float[] b, int n) {
        FloatVector s0 = zero();
        FloatVector s1 = zero();
        int i = 0;
        for (int end = n - 2 * COUNT; i <= end; i += 2 * COUNT) {
            FloatVector x = fromArray(FLOATS, a, i).mul(fromArray(FLOATS, gain, i));
            FloatVector y = fromArray(FLOATS, a, i + COUNT).mul(fromArray(FLOATS, gain, i + COUNT));
            x.intoArray(a, i);
            y.intoArray(a, i + COUNT);
            s0 = x.fma(fromArray(FLOATS, b, i), s0);
            s1 = y.fma(fromArray(FLOATS, b, i + COUNT), s1);
        }
        if (i < n) {
            FloatVector x = fromArray(FLOATS, a, i).mul(fromArray(FLOATS, gain, i));
            x.intoArray(a, i);
            s0 = x.fma(fromArray(FLOATS, b, i), s0);
        }
        return total(s0.add(s1));
    }

    /// Σ of `n` elements from `start` on; any `n`.
    static float sum(float[] a, int start, int n) {
        FloatVector s = zero();
        int i = 0;
        for (int end = n - COUNT; i <= end; i += COUNT) {
            s = s.add(fromArray(FLOATS, a, start + i));
        }
        float sum = total(s);
        for (; i < n; i++) {
            sum += a[start + i];
        }
        return sum;
    }

    /// The largest element; those that are no numbers do not count.
    static float largest(float[] a, int n) {
        FloatVector m0 = all(Float.NEGATIVE_INFINITY);
        FloatVector m1 = m0;
        int i = 0;
        for (int end = n - 2 * COUNT; i <= end; i += 2 * COUNT) {
            m0 = larger(m0, fromArray(FLOATS, a, i));
            m1 = larger(m1, fromArray(FLOATS, a, i + COUNT));
        }
        if (i < n) {
            m0 = larger(m0, fromArray(FLOATS, a, i));
        }
        return larger(m0, m1).reduceLanes(VectorOperators.MAX);
    }

    // ---------------------------------------------------------------- exponentials

    /// a ← exp(scale · a − shift); Σ a.
    static float expSum(float[] a, int n, float scale, float shift) {
        FloatVector factor = all(scale);
        FloatVector minus = all(-shift);
        FloatVector s = zero();
        for (int i = 0; i < n; i += COUNT) {
            FloatVector e = exp(fromArray(FLOATS, a, i).fma(factor, minus));
            e.intoArray(a, i);
            s = s.add(e);
        }
        return total(s);
    }

    /// log Σ exp(x), reading memory once: a tile's largest value, then its sum.
    static float logSumExp(long row, int columns, boolean half, float[] tile) {
        float largest = Float.NEGATIVE_INFINITY;
        double sum = 0;
        for (int i = 0; i < columns; i += Tile.LENGTH) {
            int n = Math.min(Tile.LENGTH, columns - i);
            Tile.read(Tile.at(row, i, half), half, tile, 0, n);
            Tile.pad(tile, n, Float.NEGATIVE_INFINITY);
            float here = largest(tile, Tile.padded(n));
            if (here > largest) {
                sum *= Math.exp(largest - here);
                largest = here;
            }
            float shift = largest == Float.NEGATIVE_INFINITY ? 0 : largest; // all −∞ so far: each adds exp(−∞) = 0
            sum += expSum(tile, Tile.padded(n), 1, shift);
        }
        return (float) ((largest == Float.NEGATIVE_INFINITY ? 0 : largest) + Math.log(sum));
    }

    /// y = 1 / (1 + e^−a).
    static void sigmoid(float[] a, float[] y, int n) {
        FloatVector one = all(1);
        for (int i = 0; i < n; i += COUNT) {
            one.div(exp(fromArray(FLOATS, a, i).neg()).add(one)).intoArray(y, i);
        }
    }

    /// a ← cap · tanh(scale · a / cap), where tanh(x) = 1 − 2 / (1 + e^2x).
    static void softCap(float[] a, int n, Kernels.Scoring scoring) {
        FloatVector twice = all((float) (2 * scoring.scale() / scoring.softCap()));
        FloatVector cap = all((float) scoring.softCap());
        FloatVector twiceCap = all((float) (-2 * scoring.softCap()));
        FloatVector one = all(1);
        for (int i = 0; i < n; i += COUNT) {
            FloatVector e = exp(fromArray(FLOATS, a, i).mul(twice));
            twiceCap.div(e.add(one)).add(cap).intoArray(a, i);
        }
    }

    /// y ← 1 − (a / cap)², the slope of tanh where a is its result times cap.
    static void softCapSlope(float[] a, float[] y, int n, Kernels.Scoring scoring) {
        FloatVector part = all((float) (1 / scoring.softCap()));
        FloatVector one = all(1);
        for (int i = 0; i < n; i += COUNT) {
            FloatVector t = fromArray(FLOATS, a, i).mul(part);
            t.mul(t.neg()).add(one).intoArray(y, i);
        }
    }

    // ---------------------------------------------------------------- element by element

    /// a ← a · b.
    static void multiply(float[] a, float[] b, int n) {
        for (int i = 0; i < n; i += COUNT) {
            fromArray(FLOATS, a, i).mul(fromArray(FLOATS, b, i)).intoArray(a, i);
        }
    }

    /// a ← a · factor.
    static void multiply(float[] a, float factor, int n) {
        FloatVector all = all(factor);
        for (int i = 0; i < n; i += COUNT) {
            fromArray(FLOATS, a, i).mul(all).intoArray(a, i);
        }
    }

    /// a ← a · factor · b.
    static void multiply(float[] a, float factor, float[] b, int n) {
        FloatVector all = all(factor);
        for (int i = 0; i < n; i += COUNT) {
            fromArray(FLOATS, a, i).mul(all).mul(fromArray(FLOATS, b, i)).intoArray(a, i);
        }
    }

    /// a ← a · x + b · y.
    static void combine(float[] a, float x, float[] b, float y, int n) {
        FloatVector forA = all(x);
        FloatVector forB = all(y);
        for (int i = 0; i < n; i += COUNT) {
            fromArray(FLOATS, b, i).fma(forB, fromArray(FLOATS, a, i).mul(forA)).intoArray(a, i);
        }
    }

    /// sums ← sums + a · b · factor.
    static void addProduct(float[] sums, float[] a, float[] b, float factor, int n) {
        FloatVector all = all(factor);
        for (int i = 0; i < n; i += COUNT) {
            fromArray(FLOATS, a, i)
                    .fma(fromArray(FLOATS, b, i).mul(all), fromArray(FLOATS, sums, i))
                    .intoArray(sums, i);
        }
    }

    /// dP ← p · (dP − delta) · scale.
    static void softmaxBackward(float[] p, float[] dP, float delta, float scale, int n) {
        FloatVector shift = all(delta);
        FloatVector factor = all(scale);
        for (int i = 0; i < n; i += COUNT) {
            fromArray(FLOATS, dP, i)
                    .sub(shift)
                    .mul(fromArray(FLOATS, p, i))
                    .mul(factor)
                    .intoArray(dP, i);
        }
    }

    /// up ← gate · sigmoid · up.
    static void gate(float[] gate, float[] sigmoid, float[] up, int n) {
        for (int i = 0; i < n; i += COUNT) {
            fromArray(FLOATS, gate, i)
                    .mul(fromArray(FLOATS, sigmoid, i))
                    .mul(fromArray(FLOATS, up, i))
                    .intoArray(up, i);
        }
    }

    /// gate ← dGate = dY · up · (σ + g · σ · (1 − σ) · slope) and up ← dUp = dY · g · σ, where g is the gate.
    static void gateBackward(float[] dY, float[] gate, float[] sigmoid, float[] slope, float[] up, int n) {
        for (int i = 0; i < n; i += COUNT) {
            FloatVector d = fromArray(FLOATS, dY, i);
            FloatVector s = fromArray(FLOATS, sigmoid, i);
            FloatVector active = fromArray(FLOATS, gate, i).mul(s);
            FloatVector activeSlope = active.sub(active.mul(s)).fma(fromArray(FLOATS, slope, i), s);
            d.mul(fromArray(FLOATS, up, i)).mul(activeSlope).intoArray(gate, i);
            d.mul(active).intoArray(up, i);
        }
    }

    /// y ← 2·√(2/π) · (a + 0.044715 · a³), of which GELU takes σ.
    static void insideGelu(float[] a, float[] y, int n) {
        FloatVector slope = all((float) PlainKernels.GELU_SLOPE);
        FloatVector cube = all((float) (PlainKernels.GELU_SLOPE * PlainKernels.GELU_CUBE));
        for (int i = 0; i < n; i += COUNT) {
            FloatVector x = fromArray(FLOATS, a, i);
            x.mul(x).fma(cube, slope).mul(x).intoArray(y, i);
        }
    }

    /// y ← the slope of [#insideGelu].
    static void insideGeluSlope(float[] a, float[] y, int n) {
        FloatVector slope = all((float) PlainKernels.GELU_SLOPE);
        FloatVector cube = all((float) (3 * PlainKernels.GELU_SLOPE * PlainKernels.GELU_CUBE));
        for (int i = 0; i < n; i += COUNT) {
            FloatVector x = fromArray(FLOATS, a, i);
            x.mul(x).fma(cube, slope).intoArray(y, i);
        }
    }

    /// Turns the pairs of one head, which starts at `start`: `(a, b) → (a·cos − b·sin, b·cos + a·sin)`; any
    /// `pairs`.
    static void turn(float[] tile, int start, float[] cos, float[] sin, int pairs) {
        int second = start + pairs;
        int i = 0;
        for (int end = pairs - COUNT; i <= end; i += COUNT) {
            FloatVector a = fromArray(FLOATS, tile, start + i);
            FloatVector b = fromArray(FLOATS, tile, second + i);
            FloatVector c = fromArray(FLOATS, cos, i);
            FloatVector s = fromArray(FLOATS, sin, i);
            a.mul(c).sub(b.mul(s)).intoArray(tile, start + i);
            b.mul(c).add(a.mul(s)).intoArray(tile, second + i);
        }
        for (; i < pairs; i++) {
            float a = tile[start + i];
            float b = tile[second + i];
            tile[start + i] = a * cos[i] - b * sin[i];
            tile[second + i] = b * cos[i] + a * sin[i];
        }
    }

    /// a ← a · (0 or `scale`): [DropoutMask#keeps] in vectors, for elements from index `first` on.
    static void dropout(float[] a, int first, DropoutMask mask, float scale, int n) {
        IntVector start = COUNTING.add(first + mask.before());
        int between = mask.between();
        int threshold = mask.threshold();
        for (int i = 0; i < n; i += COUNT) {
            IntVector hash = start.add(i);
            hash = mixed(hash, 16).mul(DropoutMask.FIRST_MULTIPLIER).lanewise(VectorOperators.XOR, between);
            hash = mixed(hash, 15).mul(DropoutMask.SECOND_MULTIPLIER);
            hash = mixed(hash, 16).lanewise(VectorOperators.LSHR, 8);
            var kept = hash.compare(VectorOperators.GE, threshold).cast(FLOATS);
            fromArray(FLOATS, a, i).mul(zero().blend(scale, kept)).intoArray(a, i);
        }
    }

    private static IntVector mixed(IntVector hash, int shift) {
        return hash.lanewise(VectorOperators.XOR, hash.lanewise(VectorOperators.LSHR, shift));
    }

    // ---------------------------------------------------------------- optimizer

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

    /// All float32 and bound by memory, so this one works on memory as it is.
    static void adamW(long parameter, long gradient, long m, long v, int n, AdamWStep step) {
        FloatVector scale = all(step.gradientScale());
        FloatVector toMean = all(step.toMean());
        FloatVector beta2 = all(step.beta2());
        FloatVector toSquare = all(step.toSquare());
        FloatVector correct = all(step.correct());
        FloatVector epsilon = all(step.epsilon());
        FloatVector keep = all(step.keep());
        FloatVector rate = all(-step.rate());
        int i = 0;
        for (int end = n - COUNT; i <= end; i += COUNT) {
            long at = 4L * i;
            FloatVector g = fromMemorySegment(FLOATS, Tile.MEMORY, gradient + at, Tile.ORDER)
                    .mul(scale);
            FloatVector mean = fromMemorySegment(FLOATS, Tile.MEMORY, m + at, Tile.ORDER);
            FloatVector square = fromMemorySegment(FLOATS, Tile.MEMORY, v + at, Tile.ORDER);
            FloatVector p = fromMemorySegment(FLOATS, Tile.MEMORY, parameter + at, Tile.ORDER);
            mean = g.sub(mean).fma(toMean, mean);
            square = g.mul(g).fma(toSquare, square.mul(beta2));
            p = mean.div(square.sqrt().fma(correct, epsilon)).fma(rate, p.mul(keep));
            mean.intoMemorySegment(Tile.MEMORY, m + at, Tile.ORDER);
            square.intoMemorySegment(Tile.MEMORY, v + at, Tile.ORDER);
            p.intoMemorySegment(Tile.MEMORY, parameter + at, Tile.ORDER);
        }
        for (; i < n; i++) {
            adamWOne(parameter + 4L * i, gradient + 4L * i, m + 4L * i, v + 4L * i, step);
        }
    }

    private static void adamWOne(long parameter, long gradient, long m, long v, AdamWStep step) {
        float g = Tile.get(gradient, false) * step.gradientScale();
        float mean = Tile.get(m, false);
        mean = Math.fma(g - mean, step.toMean(), mean);
        float square = Math.fma(g * g, step.toSquare(), Tile.get(v, false) * step.beta2());
        float spread = Math.fma((float) Math.sqrt(square), step.correct(), step.epsilon());
        Tile.put(mean, m, false);
        Tile.put(square, v, false);
        Tile.put(Math.fma(mean / spread, -step.rate(), Tile.get(parameter, false) * step.keep()), parameter, false);
    }
}
