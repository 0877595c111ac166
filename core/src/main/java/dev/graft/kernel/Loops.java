package dev.graft.kernel;

import static dev.graft.kernel.Lanes.COUNT;
import static dev.graft.kernel.Lanes.FLOATS;
import static dev.graft.kernel.Lanes.total;
import static jdk.incubator.vector.FloatVector.broadcast;
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
        FloatVector s0 = FloatVector.zero(FLOATS);
        FloatVector s1 = FloatVector.zero(FLOATS);
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
        return total(s0.add(s1).toArray());
    }

    /// a ← a · gain; Σ a · b.
    static float gainedDot(float[] a, float[] gain, float[] b, int n) {
        FloatVector s0 = FloatVector.zero(FLOATS);
        FloatVector s1 = FloatVector.zero(FLOATS);
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
        return total(s0.add(s1).toArray());
    }

    /// Σ of `n` elements from `start` on; any `n`.
    static float sum(float[] a, int start, int n) {
        FloatVector s = FloatVector.zero(FLOATS);
        int i = 0;
        for (int end = n - COUNT; i <= end; i += COUNT) {
            s = s.add(fromArray(FLOATS, a, start + i));
        }
        float sum = total(s.toArray());
        for (; i < n; i++) {
            sum += a[start + i];
        }
        return sum;
    }

    /// The largest element; those that are no numbers do not count.
    static float largest(float[] a, int n) {
        FloatVector m0 = broadcast(FLOATS, Float.NEGATIVE_INFINITY);
        FloatVector m1 = m0;
        int i = 0;
        for (int end = n - 2 * COUNT; i <= end; i += 2 * COUNT) { // Vector.max also orders zeros, and is slower
            FloatVector x = fromArray(FLOATS, a, i);
            FloatVector y = fromArray(FLOATS, a, i + COUNT);
            m0 = m0.blend(x, x.compare(VectorOperators.GT, m0));
            m1 = m1.blend(y, y.compare(VectorOperators.GT, m1));
        }
        if (i < n) {
            FloatVector x = fromArray(FLOATS, a, i);
            m0 = m0.blend(x, x.compare(VectorOperators.GT, m0));
        }
        return m0.blend(m1, m1.compare(VectorOperators.GT, m0)).reduceLanes(VectorOperators.MAX);
    }

    // ---------------------------------------------------------------- exponentials

    /// a ← exp(scale · a − shift); Σ a.
    static float expSum(float[] a, int n, float scale, float shift) {
        return exp(a, a, n, scale, shift);
    }

    /// y ← exp(scale · a − shift); Σ y. Within 2 units in the last place; 0 where the result would be
    /// subnormal.
    ///
    /// x = n·ln 2 + r with |r| ≤ ln 2 / 2; e^r by a polynomial of degree 6 (interpolated at Chebyshev's
    /// points, error 1.4e-8), 2^n by adding n to its exponent. It takes two thirds of the time of
    /// `VectorOperators.EXP`, which is a call.
    private static float exp(float[] a, float[] y, int n, float scale, float shift) {
        FloatVector factor = broadcast(FLOATS, scale);
        FloatVector minus = broadcast(FLOATS, -shift);
        FloatVector sum = FloatVector.zero(FLOATS);
        for (int i = 0; i < n; i += COUNT) {
            FloatVector x = fromArray(FLOATS, a, i).fma(factor, minus);
            FloatVector shifted = x.fma(1.44269504f, 0x1.8p23f); // its last bits are n = round(x / ln 2)
            FloatVector whole = shifted.sub(0x1.8p23f);
            FloatVector r = whole.fma(broadcast(FLOATS, -0.693145752f), x); // less n times ln 2, in two parts
            r = whole.fma(broadcast(FLOATS, -1.42860677e-6f), r);
            FloatVector p = broadcast(FLOATS, 0.0012785542f);
            p = p.fma(r, broadcast(FLOATS, 0.008363173f));
            p = p.fma(r, broadcast(FLOATS, 0.04168368f));
            p = p.fma(r, broadcast(FLOATS, 0.16666577f));
            p = p.fma(r, broadcast(FLOATS, 0.49999949f));
            p = p.fma(r, broadcast(FLOATS, 1)).fma(r, broadcast(FLOATS, 1));
            FloatVector e = p.reinterpretAsInts()
                    .add(shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23))
                    .reinterpretAsFloats();
            e = e.blend(0, x.compare(VectorOperators.LT, -87.33654f))
                    .blend(Float.POSITIVE_INFINITY, x.compare(VectorOperators.GT, 88.72283f));
            e.intoArray(y, i);
            sum = sum.add(e);
        }
        return total(sum.toArray());
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
        exp(a, y, n, -1, 0);
        FloatVector one = broadcast(FLOATS, 1);
        for (int i = 0; i < n; i += COUNT) {
            one.div(fromArray(FLOATS, y, i).add(one)).intoArray(y, i);
        }
    }

    /// a ← cap · tanh(scale · a / cap), where tanh(x) = 1 − 2 / (1 + e^2x).
    static void softCap(float[] a, int n, Kernels.Scoring scoring) {
        exp(a, a, n, (float) (2 * scoring.scale() / scoring.softCap()), 0);
        FloatVector cap = broadcast(FLOATS, (float) scoring.softCap());
        FloatVector twiceCap = broadcast(FLOATS, (float) (-2 * scoring.softCap()));
        FloatVector one = broadcast(FLOATS, 1);
        for (int i = 0; i < n; i += COUNT) {
            twiceCap.div(fromArray(FLOATS, a, i).add(one)).add(cap).intoArray(a, i);
        }
    }

    /// y ← 1 − (a / cap)², the slope of tanh where a is its result times cap.
    static void softCapSlope(float[] a, float[] y, int n, Kernels.Scoring scoring) {
        FloatVector part = broadcast(FLOATS, (float) (1 / scoring.softCap()));
        FloatVector one = broadcast(FLOATS, 1);
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
        FloatVector everywhere = broadcast(FLOATS, factor);
        for (int i = 0; i < n; i += COUNT) {
            fromArray(FLOATS, a, i).mul(everywhere).intoArray(a, i);
        }
    }

    /// a ← a · factor · b.
    static void multiply(float[] a, float factor, float[] b, int n) {
        FloatVector everywhere = broadcast(FLOATS, factor);
        for (int i = 0; i < n; i += COUNT) {
            fromArray(FLOATS, a, i).mul(everywhere).mul(fromArray(FLOATS, b, i)).intoArray(a, i);
        }
    }

    /// a ← a · x + b · y.
    static void combine(float[] a, float x, float[] b, float y, int n) {
        FloatVector forA = broadcast(FLOATS, x);
        FloatVector forB = broadcast(FLOATS, y);
        for (int i = 0; i < n; i += COUNT) {
            fromArray(FLOATS, b, i).fma(forB, fromArray(FLOATS, a, i).mul(forA)).intoArray(a, i);
        }
    }

    /// sums ← sums + a · b · factor.
    static void addProduct(float[] sums, float[] a, float[] b, float factor, int n) {
        FloatVector everywhere = broadcast(FLOATS, factor);
        for (int i = 0; i < n; i += COUNT) {
            fromArray(FLOATS, a, i)
                    .fma(fromArray(FLOATS, b, i).mul(everywhere), fromArray(FLOATS, sums, i))
                    .intoArray(sums, i);
        }
    }

    /// dP ← p · (dP − delta) · scale.
    static void softmaxBackward(float[] p, float[] dP, float delta, float scale, int n) {
        FloatVector shift = broadcast(FLOATS, delta);
        FloatVector factor = broadcast(FLOATS, scale);
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
        FloatVector slope = broadcast(FLOATS, (float) PlainKernels.GELU_SLOPE);
        FloatVector cube = broadcast(FLOATS, (float) (PlainKernels.GELU_SLOPE * PlainKernels.GELU_CUBE));
        for (int i = 0; i < n; i += COUNT) {
            FloatVector x = fromArray(FLOATS, a, i);
            x.mul(x).fma(cube, slope).mul(x).intoArray(y, i);
        }
    }

    /// y ← the slope of [#insideGelu].
    static void insideGeluSlope(float[] a, float[] y, int n) {
        FloatVector slope = broadcast(FLOATS, (float) PlainKernels.GELU_SLOPE);
        FloatVector cube = broadcast(FLOATS, (float) (3 * PlainKernels.GELU_SLOPE * PlainKernels.GELU_CUBE));
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
            hash = hash.lanewise(VectorOperators.XOR, hash.lanewise(VectorOperators.LSHR, 16))
                    .mul(DropoutMask.FIRST_MULTIPLIER)
                    .lanewise(VectorOperators.XOR, between);
            hash = hash.lanewise(VectorOperators.XOR, hash.lanewise(VectorOperators.LSHR, 15))
                    .mul(DropoutMask.SECOND_MULTIPLIER);
            hash = hash.lanewise(VectorOperators.XOR, hash.lanewise(VectorOperators.LSHR, 16))
                    .lanewise(VectorOperators.LSHR, 8);
            var kept = hash.compare(VectorOperators.GE, threshold).cast(FLOATS);
            fromArray(FLOATS, a, i)
                    .mul(FloatVector.zero(FLOATS).blend(scale, kept))
                    .intoArray(a, i);
        }
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
        FloatVector scale = broadcast(FLOATS, step.gradientScale());
        FloatVector toMean = broadcast(FLOATS, step.toMean());
        FloatVector beta2 = broadcast(FLOATS, step.beta2());
        FloatVector toSquare = broadcast(FLOATS, step.toSquare());
        FloatVector correct = broadcast(FLOATS, step.correct());
        FloatVector epsilon = broadcast(FLOATS, step.epsilon());
        FloatVector keep = broadcast(FLOATS, step.keep());
        FloatVector rate = broadcast(FLOATS, -step.rate());
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
