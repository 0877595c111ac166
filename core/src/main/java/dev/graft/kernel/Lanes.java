package dev.graft.kernel;

import jdk.incubator.vector.FloatVector;
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

    /// The sum of all lanes, always in the same order. (Vector.reduceLanes adds in one order when
    /// interpreted and in another when compiled, so a run would not repeat itself.)
    ///
    /// @param lanes a register; left changed
    static float total(float[] lanes) {
        for (int half = COUNT / 2; half > 0; half /= 2) {
            for (int i = 0; i < half; i++) {
                lanes[i] += lanes[i + half];
            }
        }
        return lanes[0];
    }

    /// The same sum, of a register of whole numbers, exactly.
    static int wholeSum(float[] lanes, int start) {
        return FloatVector.fromArray(FLOATS, lanes, start)
                .convert(VectorOperators.F2I, 0)
                .reinterpretAsInts()
                .reduceLanes(VectorOperators.ADD);
    }

    /// The same sum of the register at `start`, without leaving registers.
    static float sum(float[] lanes, int start) {
        FloatVector sum = FloatVector.fromArray(FLOATS, lanes, start);
        sum = sum.add(sum.rearrange(HALF));
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
