package dev.graft.kernel;

import static jdk.incubator.vector.FloatVector.broadcast;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/// Arithmetic on a vector register of float32.
final class Lanes {
    static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;
    static final VectorSpecies<Integer> INTS = FLOATS.withLanes(int.class);

    /// Elements of a register.
    static final int COUNT = FLOATS.length();

    /// Lane `i` takes from lane `i + half`, for each half of the lanes, of a half, and so on.
    private static final VectorShuffle<Float> HALF = half(COUNT / 2);

    private static final VectorShuffle<Float> QUARTER = half(COUNT / 4);
    private static final VectorShuffle<Float> EIGHTH = half(COUNT / 8);
    private static final VectorShuffle<Float> SIXTEENTH = half(COUNT / 16);

    private Lanes() {}

    private static VectorShuffle<Float> half(int distance) {
        return VectorShuffle.fromOp(FLOATS, i -> (i + distance) % COUNT);
    }

    static FloatVector zero() {
        return FloatVector.zero(FLOATS);
    }

    static FloatVector all(float value) {
        return FloatVector.broadcast(FLOATS, value);
    }

    /// The larger of each lane of `a` and `b`; `a` where `b` is no number. (Vector.max also orders zeros and
    /// NaNs, which takes several times as long.)
    static FloatVector larger(FloatVector a, FloatVector b) {
        return a.blend(b, b.compare(VectorOperators.GT, a));
    }

    /// e^x within 2 units in the last place; 0 where the result would be subnormal.
    ///
    /// x = n·ln 2 + r with |r| ≤ ln 2 / 2; e^r by a polynomial of degree 6 (interpolated at Chebyshev's
    /// points, error 1.4e-8), 2^n by adding n to its exponent. In line it takes two thirds of the time of
    /// `VectorOperators.EXP`, which is a call.
    static FloatVector exp(FloatVector x) {
        FloatVector shifted = x.fma(1.44269504f, 0x1.8p23f); // its last bits are n = round(x / ln 2)
        FloatVector n = shifted.sub(0x1.8p23f);
        FloatVector r = n.fma(broadcast(FLOATS, -0.693145752f), x); // less n times ln 2, in two parts
        r = n.fma(broadcast(FLOATS, -1.42860677e-6f), r);
        FloatVector p = broadcast(FLOATS, 0.0012785542f);
        p = p.fma(r, broadcast(FLOATS, 0.008363173f));
        p = p.fma(r, broadcast(FLOATS, 0.04168368f));
        p = p.fma(r, broadcast(FLOATS, 0.16666577f));
        p = p.fma(r, broadcast(FLOATS, 0.49999949f));
        p = p.fma(r, broadcast(FLOATS, 1)).fma(r, broadcast(FLOATS, 1));
        IntVector exponent = shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23);
        FloatVector y = p.reinterpretAsInts().add(exponent).reinterpretAsFloats();
        return y.blend(0, x.compare(VectorOperators.LT, -87.33654f))
                .blend(Float.POSITIVE_INFINITY, x.compare(VectorOperators.GT, 88.72283f));
    }

    /// The sum of all lanes, always in the same order. (Vector.reduceLanes adds in one order when
    /// interpreted and in another when compiled, so a run would not repeat itself.)
    static float total(FloatVector vector) {
        float[] lanes = vector.toArray();
        for (int half = COUNT / 2; half > 0; half /= 2) {
            for (int i = 0; i < half; i++) {
                lanes[i] += lanes[i + half];
            }
        }
        return lanes[0];
    }

    /// The same sum without leaving registers.
    static float sum(FloatVector vector) {
        FloatVector sum = vector.add(vector.rearrange(HALF));
        if (COUNT >= 4) {
            sum = sum.add(sum.rearrange(QUARTER));
        }
        if (COUNT >= 8) {
            sum = sum.add(sum.rearrange(EIGHTH));
        }
        if (COUNT >= 16) {
            sum = sum.add(sum.rearrange(SIXTEENTH));
        }
        return sum.lane(0);
    }
}
