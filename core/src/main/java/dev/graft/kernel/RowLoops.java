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

/// The vector loops of [VectorRowProducts]: one row of a packed matrix times one row of activations, or
/// unpacked for several.
///
/// A register of 4-bit codes is taken apart by shifts: one register of the first code of each word, one
/// of the second, and so on. Activations are put into that order once ([#spread]), weights never.
final class RowLoops {
    /// 4-bit codes in one lane.
    static final int CODES = 8;

    /// Weights whose codes one register holds.
    static final int RUN = CODES * COUNT;

    private RowLoops() {}

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

    /// Sorts each run of [#RUN] elements into as many registers as a word has codes, by their place in
    /// the word.
    ///
    /// @return padded with zeros to whole runs
    static float[] spread(float[] x, int n) {
        float[] spread = new float[Math.ceilDiv(n, RUN) * RUN];
        for (int i = 0; i < n; i++) {
            int inRun = i % RUN;
            int place = inRun % CODES ^ 1; // the first of a byte's two codes is its upper half
            spread[i - inRun + place * COUNT + inRun / CODES] = x[i];
        }
        return spread;
    }

    /// For each word of a run, how many blocks after the run's first it lies in.
    static int[] blockOfWord(int block) {
        int[] blocks = new int[COUNT];
        for (int lane = 0; lane < COUNT; lane++) {
            blocks[lane] = CODES * lane / block;
        }
        return blocks;
    }

    /// A row of whole blocks. What is read behind its end, up to a whole run, meets zeros in `x`.
    ///
    /// @param x      spread
    /// @param scales of the row's blocks, the first at `at`; padded by a register
    /// @param words  as [#blockOfWord] gives
    static float dotBlocks(
            long row, float[] values, float[] scales, int at, int blockBits, int[] words, float[] x, int n) {
        IntVector table = fromArray(FLOATS, values, 0).reinterpretAsInts();
        IntVector more = fromArray(FLOATS, values, 16 - COUNT).reinterpretAsInts();
        IntVector word = IntVector.fromArray(INTS, words, 0);
        FloatVector sum = zero();
        for (int i = 0; i < n; i += RUN) {
            IntVector codes = IntVector.fromMemorySegment(INTS, MEMORY, row + (i >> 1), ORDER);
            FloatVector a = value(codes, 0, table, more).mul(fromArray(FLOATS, x, i));
            FloatVector b = value(codes, 4, table, more).mul(fromArray(FLOATS, x, i + COUNT));
            a = value(codes, 8, table, more).fma(fromArray(FLOATS, x, i + 2 * COUNT), a);
            b = value(codes, 12, table, more).fma(fromArray(FLOATS, x, i + 3 * COUNT), b);
            a = value(codes, 16, table, more).fma(fromArray(FLOATS, x, i + 4 * COUNT), a);
            b = value(codes, 20, table, more).fma(fromArray(FLOATS, x, i + 5 * COUNT), b);
            a = value(codes, 24, table, more).fma(fromArray(FLOATS, x, i + 6 * COUNT), a);
            b = value(codes, 28, table, more).fma(fromArray(FLOATS, x, i + 7 * COUNT), b);
            sum = a.add(b).fma(scaleOf(word, scales, at + (i >> blockBits)), sum);
        }
        return Lanes.sum(sum);
    }

    /// The same row unpacked, spread.
    static void readBlocks(
            long row, float[] values, float[] scales, int at, int blockBits, int[] words, float[] tile, int n) {
        IntVector table = fromArray(FLOATS, values, 0).reinterpretAsInts();
        IntVector more = fromArray(FLOATS, values, 16 - COUNT).reinterpretAsInts();
        IntVector word = IntVector.fromArray(INTS, words, 0);
        for (int i = 0; i < n; i += RUN) {
            IntVector codes = IntVector.fromMemorySegment(INTS, MEMORY, row + (i >> 1), ORDER);
            FloatVector scale = scaleOf(word, scales, at + (i >> blockBits));
            for (int place = 0; place < CODES; place++) {
                value(codes, 4 * place, table, more).mul(scale).intoArray(tile, i + place * COUNT);
            }
        }
    }

    private static FloatVector value(IntVector codes, int shift, IntVector table, IntVector more) {
        // selecting looks at no more bits of an index than the table has
        return QuantLoops.select(codes.lanewise(VectorOperators.LSHR, shift), table, more)
                .reinterpretAsFloats();
    }

    private static FloatVector scaleOf(IntVector word, float[] scales, int at) {
        return word.selectFrom(fromArray(FLOATS, scales, at).reinterpretAsInts())
                .reinterpretAsFloats();
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
