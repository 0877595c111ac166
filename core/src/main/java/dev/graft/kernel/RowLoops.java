package dev.graft.kernel;

import static dev.graft.kernel.Lanes.COUNT;
import static dev.graft.kernel.Lanes.FLOATS;
import static dev.graft.kernel.Lanes.INTS;
import static dev.graft.kernel.QuantLoops.BYTES;
import static dev.graft.kernel.Tile.MEMORY;
import static dev.graft.kernel.Tile.ORDER;
import static dev.graft.kernel.Tile.SHORTS;
import static jdk.incubator.vector.FloatVector.broadcast;
import static jdk.incubator.vector.FloatVector.fromArray;

import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.stream.IntStream;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
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

    /// Memory that the loops here need for their sums, for one thread.
    static float[] lanes() {
        return new float[4 * COUNT];
    }

    // ---------------------------------------------------------------- signed bytes

    /// Four rows of signed bytes, `apart` bytes from one to the next, times one of activations, into
    /// `sums[0 … 3]`.
    ///
    /// @param whole whether all numbers are whole and the sum shall be exact before it is rounded
    static void dotBytes(long row, long apart, float[] x, int n, boolean whole, float[] lanes, float[] sums) {
        FloatVector a = FloatVector.zero(FLOATS);
        FloatVector b = FloatVector.zero(FLOATS);
        FloatVector c = FloatVector.zero(FLOATS);
        FloatVector d = FloatVector.zero(FLOATS);
        int i = 0;
        if (COUNT >= 8) {
            for (int end = n - COUNT; i <= end; i += COUNT) {
                FloatVector at = fromArray(FLOATS, x, i);
                a = ((FloatVector) ByteVector.fromMemorySegment(BYTES, MEMORY, row + i, ORDER)
                                .convertShape(VectorOperators.B2F, FLOATS, 0))
                        .fma(at, a);
                b = ((FloatVector) ByteVector.fromMemorySegment(BYTES, MEMORY, row + apart + i, ORDER)
                                .convertShape(VectorOperators.B2F, FLOATS, 0))
                        .fma(at, b);
                c = ((FloatVector) ByteVector.fromMemorySegment(BYTES, MEMORY, row + 2 * apart + i, ORDER)
                                .convertShape(VectorOperators.B2F, FLOATS, 0))
                        .fma(at, c);
                d = ((FloatVector) ByteVector.fromMemorySegment(BYTES, MEMORY, row + 3 * apart + i, ORDER)
                                .convertShape(VectorOperators.B2F, FLOATS, 0))
                        .fma(at, d);
            }
        }
        a.intoArray(lanes, 0);
        b.intoArray(lanes, COUNT);
        c.intoArray(lanes, 2 * COUNT);
        d.intoArray(lanes, 3 * COUNT);
        for (int r = 0; r < 4; r++) {
            double sum = whole ? Lanes.wholeSum(lanes, r * COUNT) : Lanes.sum(lanes, r * COUNT);
            sums[r] = (float) (sum + restOfBytes(row + r * apart, x, i, n));
        }
    }

    private static double restOfBytes(long row, float[] x, int from, int n) {
        double rest = 0;
        for (int i = from; i < n; i++) {
            rest += MEMORY.get(ValueLayout.JAVA_BYTE, row + i) * (double) x[i];
        }
        return rest;
    }

    static void readBytes(long row, float[] tile, int n) {
        int i = 0;
        if (COUNT >= 8) {
            for (int end = n - COUNT; i <= end; i += COUNT) {
                ((FloatVector) ByteVector.fromMemorySegment(BYTES, MEMORY, row + i, ORDER)
                                .convertShape(VectorOperators.B2F, FLOATS, 0))
                        .intoArray(tile, i);
            }
        }
        for (; i < n; i++) {
            tile[i] = MEMORY.get(ValueLayout.JAVA_BYTE, row + i);
        }
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
            float[] lanes,
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
            FloatVector sum0 = FloatVector.zero(FLOATS);
            FloatVector sum1 = FloatVector.zero(FLOATS);
            FloatVector sum2 = FloatVector.zero(FLOATS);
            FloatVector sum3 = FloatVector.zero(FLOATS);
            for (int i = 0; i < n; i += RUN) {
                long codes = start + (i >> 1);
                IntVector codes0 = IntVector.fromMemorySegment(INTS, MEMORY, codes, ORDER);
                IntVector codes1 = IntVector.fromMemorySegment(INTS, MEMORY, codes + apart, ORDER);
                IntVector codes2 = IntVector.fromMemorySegment(INTS, MEMORY, codes + 2 * apart, ORDER);
                IntVector codes3 = IntVector.fromMemorySegment(INTS, MEMORY, codes + 3 * apart, ORDER);
                FloatVector a = FloatVector.zero(FLOATS);
                FloatVector b = FloatVector.zero(FLOATS);
                FloatVector c = FloatVector.zero(FLOATS);
                FloatVector d = FloatVector.zero(FLOATS);
                for (int place = i; place < i + RUN; place += COUNT) {
                    // selecting looks at no more bits of an index than the table has: the lowest code
                    FloatVector there = fromArray(FLOATS, x, place);
                    a = (COUNT == 16 ? codes0.selectFrom(table) : codes0.selectFrom(table, more))
                            .reinterpretAsFloats()
                            .fma(there, a);
                    b = (COUNT == 16 ? codes1.selectFrom(table) : codes1.selectFrom(table, more))
                            .reinterpretAsFloats()
                            .fma(there, b);
                    c = (COUNT == 16 ? codes2.selectFrom(table) : codes2.selectFrom(table, more))
                            .reinterpretAsFloats()
                            .fma(there, c);
                    d = (COUNT == 16 ? codes3.selectFrom(table) : codes3.selectFrom(table, more))
                            .reinterpretAsFloats()
                            .fma(there, d);
                    codes0 = codes0.lanewise(VectorOperators.LSHR, 4);
                    codes1 = codes1.lanewise(VectorOperators.LSHR, 4);
                    codes2 = codes2.lanewise(VectorOperators.LSHR, 4);
                    codes3 = codes3.lanewise(VectorOperators.LSHR, 4);
                }
                int block = before + (i >> blockBits);
                IntVector scale0 = fromArray(FLOATS, scales, at0 + block).reinterpretAsInts();
                sum0 = a.fma(word.selectFrom(scale0).reinterpretAsFloats(), sum0);
                IntVector scale1 = fromArray(FLOATS, scales, at1 + block).reinterpretAsInts();
                sum1 = b.fma(word.selectFrom(scale1).reinterpretAsFloats(), sum1);
                IntVector scale2 = fromArray(FLOATS, scales, at2 + block).reinterpretAsInts();
                sum2 = c.fma(word.selectFrom(scale2).reinterpretAsFloats(), sum2);
                IntVector scale3 = fromArray(FLOATS, scales, at3 + block).reinterpretAsInts();
                sum3 = d.fma(word.selectFrom(scale3).reinterpretAsFloats(), sum3);
            }
            sum0.intoArray(lanes, 0);
            sum1.intoArray(lanes, COUNT);
            sum2.intoArray(lanes, 2 * COUNT);
            sum3.intoArray(lanes, 3 * COUNT);
            for (int r = 0; r < 4; r++) {
                sums[4 * g + r] = Lanes.sum(lanes, r * COUNT);
            }
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
            FloatVector scale = word.selectFrom(
                            fromArray(FLOATS, scales, at + (i >> blockBits)).reinterpretAsInts())
                    .reinterpretAsFloats();
            for (int place = 0; place < CODES; place++) {
                (COUNT == 16 ? codes.selectFrom(table) : codes.selectFrom(table, more))
                        .reinterpretAsFloats()
                        .mul(scale)
                        .intoArray(tile, i + place * COUNT);
                codes = codes.lanewise(VectorOperators.LSHR, 4);
            }
        }
    }

    // ---------------------------------------------------------------- rows of numbers

    /// Four rows of bfloat16 or float32, `apart` bytes from one to the next, times one of activations, into
    /// `sums[0 … 3]`.
    static void dotNumbers(long row, long apart, boolean half, float[] x, int n, float[] lanes, float[] sums) {
        int whole = n / COUNT * COUNT;
        if (half) {
            dotHalves(row, apart, x, whole, lanes);
        } else {
            dotFloats(row, apart, x, whole, lanes);
        }
        for (int r = 0; r < 4; r++) {
            sums[r] = (float) (Lanes.sum(lanes, r * COUNT) + restOfNumbers(row + r * apart, half, x, whole, n));
        }
    }

    private static void dotHalves(long row, long apart, float[] x, int n, float[] lanes) {
        FloatVector a = FloatVector.zero(FLOATS);
        FloatVector b = FloatVector.zero(FLOATS);
        FloatVector c = FloatVector.zero(FLOATS);
        FloatVector d = FloatVector.zero(FLOATS);
        for (int i = 0; i < n; i += COUNT) {
            FloatVector at = fromArray(FLOATS, x, i);
            long there = row + 2L * i;
            a = ((IntVector) ShortVector.fromMemorySegment(SHORTS, MEMORY, there, ORDER)
                            .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
                    .lanewise(VectorOperators.LSHL, 16)
                    .reinterpretAsFloats()
                    .fma(at, a);
            b = ((IntVector) ShortVector.fromMemorySegment(SHORTS, MEMORY, there + apart, ORDER)
                            .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
                    .lanewise(VectorOperators.LSHL, 16)
                    .reinterpretAsFloats()
                    .fma(at, b);
            c = ((IntVector) ShortVector.fromMemorySegment(SHORTS, MEMORY, there + 2 * apart, ORDER)
                            .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
                    .lanewise(VectorOperators.LSHL, 16)
                    .reinterpretAsFloats()
                    .fma(at, c);
            d = ((IntVector) ShortVector.fromMemorySegment(SHORTS, MEMORY, there + 3 * apart, ORDER)
                            .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
                    .lanewise(VectorOperators.LSHL, 16)
                    .reinterpretAsFloats()
                    .fma(at, d);
        }
        a.intoArray(lanes, 0);
        b.intoArray(lanes, COUNT);
        c.intoArray(lanes, 2 * COUNT);
        d.intoArray(lanes, 3 * COUNT);
    }

    private static void dotFloats(long row, long apart, float[] x, int n, float[] lanes) {
        FloatVector a = FloatVector.zero(FLOATS);
        FloatVector b = FloatVector.zero(FLOATS);
        FloatVector c = FloatVector.zero(FLOATS);
        FloatVector d = FloatVector.zero(FLOATS);
        for (int i = 0; i < n; i += COUNT) {
            FloatVector at = fromArray(FLOATS, x, i);
            long there = row + 4L * i;
            a = FloatVector.fromMemorySegment(FLOATS, MEMORY, there, ORDER).fma(at, a);
            b = FloatVector.fromMemorySegment(FLOATS, MEMORY, there + apart, ORDER)
                    .fma(at, b);
            c = FloatVector.fromMemorySegment(FLOATS, MEMORY, there + 2 * apart, ORDER)
                    .fma(at, c);
            d = FloatVector.fromMemorySegment(FLOATS, MEMORY, there + 3 * apart, ORDER)
                    .fma(at, d);
        }
        a.intoArray(lanes, 0);
        b.intoArray(lanes, COUNT);
        c.intoArray(lanes, 2 * COUNT);
        d.intoArray(lanes, 3 * COUNT);
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
        int whole = n / COUNT * COUNT;
        if (half) {
            addHalves(row, apart, f0, f1, f2, f3, y, whole);
        } else {
            addFloats(row, apart, f0, f1, f2, f3, y, whole);
        }
        for (int i = whole; i < n; i++) {
            long there = Tile.at(row, i, half);
            float sum = Math.fma(Tile.get(there, half), f0, y[i]);
            sum = Math.fma(Tile.get(there + apart, half), f1, sum);
            sum = Math.fma(Tile.get(there + 2 * apart, half), f2, sum);
            y[i] = Math.fma(Tile.get(there + 3 * apart, half), f3, sum);
        }
    }

    private static void addHalves(long row, long apart, float f0, float f1, float f2, float f3, float[] y, int n) {
        for (int i = 0; i < n; i += COUNT) {
            long there = row + 2L * i;
            FloatVector sum = fromArray(FLOATS, y, i);
            sum = ((IntVector) ShortVector.fromMemorySegment(SHORTS, MEMORY, there, ORDER)
                            .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
                    .lanewise(VectorOperators.LSHL, 16)
                    .reinterpretAsFloats()
                    .fma(broadcast(FLOATS, f0), sum);
            sum = ((IntVector) ShortVector.fromMemorySegment(SHORTS, MEMORY, there + apart, ORDER)
                            .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
                    .lanewise(VectorOperators.LSHL, 16)
                    .reinterpretAsFloats()
                    .fma(broadcast(FLOATS, f1), sum);
            sum = ((IntVector) ShortVector.fromMemorySegment(SHORTS, MEMORY, there + 2 * apart, ORDER)
                            .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
                    .lanewise(VectorOperators.LSHL, 16)
                    .reinterpretAsFloats()
                    .fma(broadcast(FLOATS, f2), sum);
            sum = ((IntVector) ShortVector.fromMemorySegment(SHORTS, MEMORY, there + 3 * apart, ORDER)
                            .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
                    .lanewise(VectorOperators.LSHL, 16)
                    .reinterpretAsFloats()
                    .fma(broadcast(FLOATS, f3), sum);
            sum.intoArray(y, i);
        }
    }

    private static void addFloats(long row, long apart, float f0, float f1, float f2, float f3, float[] y, int n) {
        for (int i = 0; i < n; i += COUNT) {
            long there = row + 4L * i;
            FloatVector sum = fromArray(FLOATS, y, i);
            sum = FloatVector.fromMemorySegment(FLOATS, MEMORY, there, ORDER).fma(broadcast(FLOATS, f0), sum);
            sum = FloatVector.fromMemorySegment(FLOATS, MEMORY, there + apart, ORDER)
                    .fma(broadcast(FLOATS, f1), sum);
            sum = FloatVector.fromMemorySegment(FLOATS, MEMORY, there + 2 * apart, ORDER)
                    .fma(broadcast(FLOATS, f2), sum);
            sum = FloatVector.fromMemorySegment(FLOATS, MEMORY, there + 3 * apart, ORDER)
                    .fma(broadcast(FLOATS, f3), sum);
            sum.intoArray(y, i);
        }
    }

    // ---------------------------------------------------------------- unpacked rows

    /// One unpacked row times one row of activations.
    ///
    /// @param n a whole number of registers
    static float dot(float[] row, float[] x, int n, float[] lanes) {
        FloatVector a = FloatVector.zero(FLOATS);
        for (int i = 0; i < n; i += COUNT) {
            a = fromArray(FLOATS, row, i).fma(fromArray(FLOATS, x, i), a);
        }
        a.intoArray(lanes, 0);
        return Lanes.sum(lanes, 0);
    }

    /// One unpacked row times rows `r … r+3` of `x`, into `sums[r …]`; each is what [#dot] gives.
    static void dotFour(float[] row, float[][] x, int r, int n, float[] lanes, float[] sums) {
        float[] x0 = x[r];
        float[] x1 = x[r + 1];
        float[] x2 = x[r + 2];
        float[] x3 = x[r + 3];
        FloatVector a = FloatVector.zero(FLOATS);
        FloatVector b = FloatVector.zero(FLOATS);
        FloatVector c = FloatVector.zero(FLOATS);
        FloatVector d = FloatVector.zero(FLOATS);
        for (int i = 0; i < n; i += COUNT) {
            FloatVector w = fromArray(FLOATS, row, i);
            a = w.fma(fromArray(FLOATS, x0, i), a);
            b = w.fma(fromArray(FLOATS, x1, i), b);
            c = w.fma(fromArray(FLOATS, x2, i), c);
            d = w.fma(fromArray(FLOATS, x3, i), d);
        }
        a.intoArray(lanes, 0);
        b.intoArray(lanes, COUNT);
        c.intoArray(lanes, 2 * COUNT);
        d.intoArray(lanes, 3 * COUNT);
        for (int i = 0; i < 4; i++) {
            sums[r + i] = Lanes.sum(lanes, i * COUNT);
        }
    }
}
