package dev.graft.kernel;

import static dev.graft.kernel.Lanes.COUNT;
import static dev.graft.kernel.Lanes.FLOATS;
import static dev.graft.kernel.Lanes.INTS;
import static dev.graft.kernel.Lanes.zero;
import static dev.graft.kernel.Tile.MEMORY;
import static dev.graft.kernel.Tile.ORDER;
import static jdk.incubator.vector.FloatVector.fromArray;

import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.stream.IntStream;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/// The vector loops of [VectorRowProducts]: four rows of a packed matrix at once times one row of
/// activations, or one unpacked for several.
///
/// The four rows lie far apart: memory that is read at four places at once comes nearly twice as fast as
/// from one, since what fetches ahead does so for each place and stops at the end of a page.
///
/// A register of 4-bit codes is taken apart by shifts: one register of the first code of each word, one
/// of the second, and so on. Activations are put into that order once ([#spread]), weights never.
final class RowLoops {
    /// 4-bit codes in one lane.
    static final int CODES = 8;

    /// Weights whose codes one register holds.
    static final int RUN = CODES * COUNT;

    /// Where the words of a run begin.
    private static final int[] WORDS =
            IntStream.range(0, COUNT).map(lane -> CODES * lane).toArray();

    private RowLoops() {}

    // ---------------------------------------------------------------- signed bytes

    /// Four rows of signed bytes, `apart` bytes from one to the next, times one of activations, into
    /// `sums[0 … 3]`.
    ///
    /// @param whole whether all numbers are whole and the sum shall be exact before it is rounded
    static void dotBytes(long row, long apart, float[] x, int n, boolean whole, float[] sums) {
        FloatVector a = zero();
        FloatVector b = zero();
        FloatVector c = zero();
        FloatVector d = zero();
        int i = 0;
        if (COUNT >= 8) {
            for (int end = n - COUNT; i <= end; i += COUNT) {
                FloatVector at = fromArray(FLOATS, x, i);
                a = signed(row + i).fma(at, a);
                b = signed(row + apart + i).fma(at, b);
                c = signed(row + 2 * apart + i).fma(at, c);
                d = signed(row + 3 * apart + i).fma(at, d);
            }
        }
        sums[0] = total(a, restOfBytes(row, x, i, n), whole);
        sums[1] = total(b, restOfBytes(row + apart, x, i, n), whole);
        sums[2] = total(c, restOfBytes(row + 2 * apart, x, i, n), whole);
        sums[3] = total(d, restOfBytes(row + 3 * apart, x, i, n), whole);
    }

    private static double restOfBytes(long row, float[] x, int from, int n) {
        double rest = 0;
        for (int i = from; i < n; i++) {
            rest += MEMORY.get(ValueLayout.JAVA_BYTE, row + i) * (double) x[i];
        }
        return rest;
    }

    private static float total(FloatVector sums, double rest, boolean whole) {
        return (float) ((whole ? wholeSum(sums) : Lanes.sum(sums)) + rest);
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
        int padded = Math.ceilDiv(n, RUN) * RUN;
        float[] whole = Arrays.copyOf(x, padded);
        float[] spread = new float[padded];
        for (int run = 0; run < padded; run += RUN) {
            for (int place = 0; place < CODES; place++) {
                // the first of a byte's two codes is its upper half
                fromArray(FLOATS, whole, run + (place ^ 1), WORDS, 0).intoArray(spread, run + place * COUNT);
            }
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

    /// Rows of whole blocks times one of activations: `count` of them one after another at each of four
    /// places, the first of all into `sums[0 … 3]`, the second into `sums[4 … 7]`, and so on. What is read
    /// behind their ends, up to a whole run, meets zeros in `x`.
    ///
    /// @param row    codes of the first; those of the next place lie `apart` bytes on
    /// @param scales of the rows' blocks, those of place `r` from `at[r]` on; padded by a register
    /// @param words  as [#blockOfWord] gives
    /// @param x      spread
    static void dotBlocks(
            long row,
            long apart,
            int count,
            float[] values,
            float[] scales,
            int[] at,
            int blockBits,
            int[] words,
            float[] x,
            int n,
            float[] sums) {
        IntVector table = fromArray(FLOATS, values, 0).reinterpretAsInts();
        IntVector more = fromArray(FLOATS, values, 16 - COUNT).reinterpretAsInts();
        IntVector word = IntVector.fromArray(INTS, words, 0);
        int at0 = at[0];
        int at1 = at[1];
        int at2 = at[2];
        int at3 = at[3];
        for (int g = 0; g < count; g++) {
            long start = row + (long) g * (n >> 1);
            int before = g * (n >> blockBits);
            FloatVector sum0 = zero();
            FloatVector sum1 = zero();
            FloatVector sum2 = zero();
            FloatVector sum3 = zero();
            for (int i = 0; i < n; i += RUN) {
                long codes = start + (i >> 1);
                IntVector codes0 = IntVector.fromMemorySegment(INTS, MEMORY, codes, ORDER);
                IntVector codes1 = IntVector.fromMemorySegment(INTS, MEMORY, codes + apart, ORDER);
                IntVector codes2 = IntVector.fromMemorySegment(INTS, MEMORY, codes + 2 * apart, ORDER);
                IntVector codes3 = IntVector.fromMemorySegment(INTS, MEMORY, codes + 3 * apart, ORDER);
                FloatVector a = zero();
                FloatVector b = zero();
                FloatVector c = zero();
                FloatVector d = zero();
                for (int place = i; place < i + RUN; place += COUNT) {
                    FloatVector there = fromArray(FLOATS, x, place);
                    a = value(codes0, table, more).fma(there, a);
                    b = value(codes1, table, more).fma(there, b);
                    c = value(codes2, table, more).fma(there, c);
                    d = value(codes3, table, more).fma(there, d);
                    codes0 = codes0.lanewise(VectorOperators.LSHR, 4);
                    codes1 = codes1.lanewise(VectorOperators.LSHR, 4);
                    codes2 = codes2.lanewise(VectorOperators.LSHR, 4);
                    codes3 = codes3.lanewise(VectorOperators.LSHR, 4);
                }
                int block = before + (i >> blockBits);
                sum0 = a.fma(scaleOf(word, scales, at0 + block), sum0);
                sum1 = b.fma(scaleOf(word, scales, at1 + block), sum1);
                sum2 = c.fma(scaleOf(word, scales, at2 + block), sum2);
                sum3 = d.fma(scaleOf(word, scales, at3 + block), sum3);
            }
            sums[4 * g] = Lanes.sum(sum0);
            sums[4 * g + 1] = Lanes.sum(sum1);
            sums[4 * g + 2] = Lanes.sum(sum2);
            sums[4 * g + 3] = Lanes.sum(sum3);
        }
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
                value(codes, table, more).mul(scale).intoArray(tile, i + place * COUNT);
                codes = codes.lanewise(VectorOperators.LSHR, 4);
            }
        }
    }

    /// What the lowest code of each word stands for.
    private static FloatVector value(IntVector codes, IntVector table, IntVector more) {
        // selecting looks at no more bits of an index than the table has
        return QuantLoops.select(codes, table, more).reinterpretAsFloats();
    }

    private static FloatVector scaleOf(IntVector word, float[] scales, int at) {
        return word.selectFrom(fromArray(FLOATS, scales, at).reinterpretAsInts())
                .reinterpretAsFloats();
    }

    // ---------------------------------------------------------------- rows of numbers

    /// Four rows of bfloat16 or float32, `apart` bytes from one to the next, times one of activations, into
    /// `sums[0 … 3]`.
    static void dotNumbers(long row, long apart, boolean half, float[] x, int n, float[] sums) {
        FloatVector a = zero();
        FloatVector b = zero();
        FloatVector c = zero();
        FloatVector d = zero();
        int i = 0;
        for (int end = n - COUNT; i <= end; i += COUNT) {
            FloatVector at = fromArray(FLOATS, x, i);
            long there = Tile.at(row, i, half);
            a = Tile.register(there, half).fma(at, a);
            b = Tile.register(there + apart, half).fma(at, b);
            c = Tile.register(there + 2 * apart, half).fma(at, c);
            d = Tile.register(there + 3 * apart, half).fma(at, d);
        }
        sums[0] = (float) (Lanes.sum(a) + restOfNumbers(row, half, x, i, n));
        sums[1] = (float) (Lanes.sum(b) + restOfNumbers(row + apart, half, x, i, n));
        sums[2] = (float) (Lanes.sum(c) + restOfNumbers(row + 2 * apart, half, x, i, n));
        sums[3] = (float) (Lanes.sum(d) + restOfNumbers(row + 3 * apart, half, x, i, n));
    }

    private static double restOfNumbers(long row, boolean half, float[] x, int from, int n) {
        double rest = 0;
        for (int i = from; i < n; i++) {
            rest += Tile.get(Tile.at(row, i, half), half) * (double) x[i];
        }
        return rest;
    }

    /// `y += factors[first] · row₀ + … + factors[first+3] · row₃` for four rows of numbers.
    static void addRows(long row, long apart, boolean half, float[] factors, int first, float[] y, int n) {
        float f0 = factors[first];
        float f1 = factors[first + 1];
        float f2 = factors[first + 2];
        float f3 = factors[first + 3];
        int i = 0;
        for (int end = n - COUNT; i <= end; i += COUNT) {
            long there = Tile.at(row, i, half);
            FloatVector sum = fromArray(FLOATS, y, i);
            sum = Tile.register(there, half).fma(Lanes.all(f0), sum);
            sum = Tile.register(there + apart, half).fma(Lanes.all(f1), sum);
            sum = Tile.register(there + 2 * apart, half).fma(Lanes.all(f2), sum);
            sum = Tile.register(there + 3 * apart, half).fma(Lanes.all(f3), sum);
            sum.intoArray(y, i);
        }
        for (; i < n; i++) {
            long there = Tile.at(row, i, half);
            float sum = Math.fma(Tile.get(there, half), f0, y[i]);
            sum = Math.fma(Tile.get(there + apart, half), f1, sum);
            sum = Math.fma(Tile.get(there + 2 * apart, half), f2, sum);
            y[i] = Math.fma(Tile.get(there + 3 * apart, half), f3, sum);
        }
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
