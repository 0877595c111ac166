package dev.graft.kernel;

import static dev.graft.kernel.Lanes.COUNT;
import static dev.graft.kernel.Lanes.FLOATS;
import static dev.graft.kernel.Lanes.INTS;
import static dev.graft.kernel.Lanes.zero;
import static dev.graft.kernel.Tile.MEMORY;
import static dev.graft.kernel.Tile.ORDER;
import static jdk.incubator.vector.FloatVector.fromArray;

import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/// The vector loops of [VectorRowProducts]: one row of a packed matrix times one row of activations, or unpacked
/// for several.
///
/// Where two weights come out of one word, its two halves become two registers: weights 0, 2, 4 … and 1, 3, 5 ….
/// Activations are put into that order once ([#pair]), weights never.
final class RowLoops {
    /// Weights that two registers hold.
    static final int PAIR = 2 * COUNT;

    private RowLoops() {}

    // ---------------------------------------------------------------- activations

    /// Sorts each whole run of [#PAIR] elements into those of even and of odd index.
    static float[] pair(float[] x, int n) {
        float[] paired = x.clone();
        for (int start = 0; start + PAIR <= n; start += PAIR) {
            for (int i = 0; i < COUNT; i++) {
                paired[start + i] = x[start + 2 * i];
                paired[start + COUNT + i] = x[start + 2 * i + 1];
            }
        }
        return paired;
    }

    // ---------------------------------------------------------------- bfloat16

    /// @param x paired
    static float dotHalves(long row, float[] x, int n) {
        FloatVector a = zero();
        FloatVector b = zero();
        FloatVector c = zero();
        FloatVector d = zero();
        int i = 0;
        for (int end = n - 2 * PAIR; i <= end; i += 2 * PAIR) {
            IntVector first = IntVector.fromMemorySegment(INTS, MEMORY, row + 2L * i, ORDER);
            IntVector second = IntVector.fromMemorySegment(INTS, MEMORY, row + 2L * (i + PAIR), ORDER);
            a = even(first).fma(fromArray(FLOATS, x, i), a);
            b = odd(first).fma(fromArray(FLOATS, x, i + COUNT), b);
            c = even(second).fma(fromArray(FLOATS, x, i + PAIR), c);
            d = odd(second).fma(fromArray(FLOATS, x, i + PAIR + COUNT), d);
        }
        for (int end = n - PAIR; i <= end; i += PAIR) {
            IntVector pair = IntVector.fromMemorySegment(INTS, MEMORY, row + 2L * i, ORDER);
            a = even(pair).fma(fromArray(FLOATS, x, i), a);
            b = odd(pair).fma(fromArray(FLOATS, x, i + COUNT), b);
        }
        float sum = Lanes.sum(a.add(b).add(c.add(d)));
        for (; i < n; i++) {
            sum += Tile.get(row + 2L * i, true) * x[i];
        }
        return sum;
    }

    /// A row as float32, paired.
    static void readHalves(long row, float[] tile, int n) {
        int i = 0;
        for (int end = n - PAIR; i <= end; i += PAIR) {
            IntVector pair = IntVector.fromMemorySegment(INTS, MEMORY, row + 2L * i, ORDER);
            even(pair).intoArray(tile, i);
            odd(pair).intoArray(tile, i + COUNT);
        }
        for (; i < n; i++) {
            tile[i] = Tile.get(row + 2L * i, true);
        }
    }

    private static FloatVector even(IntVector pair) {
        return pair.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
    }

    private static FloatVector odd(IntVector pair) {
        return pair.and(0xffff0000).reinterpretAsFloats();
    }

    // ---------------------------------------------------------------- signed bytes

    /// @param whole whether all numbers are whole and the sum shall be exact before it is rounded
    static float dotBytes(long row, float[] x, int n, boolean whole) {
        FloatVector a = zero();
        FloatVector b = zero();
        FloatVector c = zero();
        FloatVector d = zero();
        int i = 0;
        if (COUNT >= 8) {
            for (int end = n - 4 * COUNT; i <= end; i += 4 * COUNT) {
                a = signed(row + i).fma(fromArray(FLOATS, x, i), a);
                b = signed(row + i + COUNT).fma(fromArray(FLOATS, x, i + COUNT), b);
                c = signed(row + i + 2 * COUNT).fma(fromArray(FLOATS, x, i + 2 * COUNT), c);
                d = signed(row + i + 3 * COUNT).fma(fromArray(FLOATS, x, i + 3 * COUNT), d);
            }
            for (int end = n - COUNT; i <= end; i += COUNT) {
                a = signed(row + i).fma(fromArray(FLOATS, x, i), a);
            }
        }
        double rest = 0;
        for (; i < n; i++) {
            rest += MEMORY.get(ValueLayout.JAVA_BYTE, row + i) * (double) x[i];
        }
        return whole
                ? (float) (wholeSum(a) + wholeSum(b) + wholeSum(c) + wholeSum(d) + rest)
                : (float) (Lanes.sum(a.add(b).add(c.add(d))) + rest);
    }

    private static int wholeSum(FloatVector sums) {
        return sums.convert(VectorOperators.F2I, 0).reinterpretAsInts().reduceLanes(VectorOperators.ADD);
    }

    static void readBytes(long row, float[] tile, int n) {
        int i = 0;
        if (COUNT >= 8) {
            for (int end = n - COUNT; i <= end; i += COUNT) {
                signed(row + i).intoArray(tile, i);
            }
        }
        for (; i < n; i++) {
            tile[i] = MEMORY.get(ValueLayout.JAVA_BYTE, row + i);
        }
    }

    private static FloatVector signed(long address) {
        return (FloatVector) ByteVector.fromMemorySegment(QuantLoops.BYTES, MEMORY, address, ORDER)
                .convertShape(VectorOperators.B2F, FLOATS, 0);
    }

    // ---------------------------------------------------------------- 4-bit blocks

    /// Runs of [#PAIR] weights, `2^steps` of them to a block.
    ///
    /// @param x      paired
    /// @param scales of the row's blocks, the first at `at`
    static float dotBlocks(long row, float[] values, float[] scales, int at, int steps, float[] x, int runs) {
        FloatVector lower = fromArray(FLOATS, values, 0);
        FloatVector upper = fromArray(FLOATS, values, 16 - COUNT);
        FloatVector a = zero();
        FloatVector b = zero();
        FloatVector c = zero();
        FloatVector d = zero();
        int run = 0;
        for (; run + 1 < runs; run += 2) {
            float scale = scales[at + (run >> steps)];
            IntVector table = lower.mul(scale).reinterpretAsInts();
            IntVector more = upper.mul(scale).reinterpretAsInts();
            IntVector pair = bytes(row + (long) COUNT * run);
            a = first(pair, table, more).fma(fromArray(FLOATS, x, PAIR * run), a);
            b = second(pair, table, more).fma(fromArray(FLOATS, x, PAIR * run + COUNT), b);
            float next = scales[at + (run + 1 >> steps)];
            table = lower.mul(next).reinterpretAsInts();
            more = upper.mul(next).reinterpretAsInts();
            pair = bytes(row + (long) COUNT * run + COUNT);
            c = first(pair, table, more).fma(fromArray(FLOATS, x, PAIR * run + PAIR), c);
            d = second(pair, table, more).fma(fromArray(FLOATS, x, PAIR * run + PAIR + COUNT), d);
        }
        if (run < runs) {
            float scale = scales[at + (run >> steps)];
            IntVector table = lower.mul(scale).reinterpretAsInts();
            IntVector more = upper.mul(scale).reinterpretAsInts();
            IntVector pair = bytes(row + (long) COUNT * run);
            a = first(pair, table, more).fma(fromArray(FLOATS, x, PAIR * run), a);
            b = second(pair, table, more).fma(fromArray(FLOATS, x, PAIR * run + COUNT), b);
        }
        return Lanes.sum(a.add(b).add(c.add(d)));
    }

    /// The same, unpacked.
    static void readBlocks(long row, float[] values, float[] scales, int at, int steps, float[] tile, int runs) {
        FloatVector lower = fromArray(FLOATS, values, 0);
        FloatVector upper = fromArray(FLOATS, values, 16 - COUNT);
        for (int run = 0; run < runs; run++) {
            float scale = scales[at + (run >> steps)];
            IntVector table = lower.mul(scale).reinterpretAsInts();
            IntVector more = upper.mul(scale).reinterpretAsInts();
            IntVector pair = bytes(row + (long) COUNT * run);
            first(pair, table, more).intoArray(tile, PAIR * run);
            second(pair, table, more).intoArray(tile, PAIR * run + COUNT);
        }
    }

    private static IntVector bytes(long address) {
        return (IntVector) ByteVector.fromMemorySegment(QuantLoops.BYTES, MEMORY, address, ORDER)
                .convertShape(VectorOperators.ZERO_EXTEND_B2I, INTS, 0);
    }

    private static FloatVector first(IntVector pair, IntVector table, IntVector more) {
        return QuantLoops.select(pair.lanewise(VectorOperators.LSHR, 4), table, more)
                .reinterpretAsFloats();
    }

    private static FloatVector second(IntVector pair, IntVector table, IntVector more) {
        return QuantLoops.select(pair.and(15), table, more).reinterpretAsFloats();
    }

    // ---------------------------------------------------------------- unpacked rows

    /// One unpacked row times one row of activations.
    ///
    /// @param n a whole number of registers
    static float dot(float[] row, float[] x, int n) {
        FloatVector a = zero();
        for (int i = 0; i < n; i += COUNT) {
            a = fromArray(FLOATS, row, i).fma(fromArray(FLOATS, x, i), a);
        }
        return Lanes.sum(a);
    }

    /// One unpacked row times rows `r … r+3` of `x`, into `sums[r …]`; each is what [#dot] gives.
    static void dotFour(float[] row, float[][] x, int r, int n, float[] sums) {
        float[] x0 = x[r];
        float[] x1 = x[r + 1];
        float[] x2 = x[r + 2];
        float[] x3 = x[r + 3];
        FloatVector a = zero();
        FloatVector b = zero();
        FloatVector c = zero();
        FloatVector d = zero();
        for (int i = 0; i < n; i += COUNT) {
            FloatVector w = fromArray(FLOATS, row, i);
            a = w.fma(fromArray(FLOATS, x0, i), a);
            b = w.fma(fromArray(FLOATS, x1, i), b);
            c = w.fma(fromArray(FLOATS, x2, i), c);
            d = w.fma(fromArray(FLOATS, x3, i), d);
        }
        sums[r] = Lanes.sum(a);
        sums[r + 1] = Lanes.sum(b);
        sums[r + 2] = Lanes.sum(c);
        sums[r + 3] = Lanes.sum(d);
    }
}
