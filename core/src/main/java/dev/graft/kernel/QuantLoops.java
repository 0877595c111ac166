package dev.graft.kernel;

import static dev.graft.kernel.Lanes.COUNT;
import static dev.graft.kernel.Lanes.FLOATS;
import static dev.graft.kernel.Lanes.INTS;
import static dev.graft.kernel.Tile.MEMORY;
import static dev.graft.kernel.Tile.ORDER;
import static dev.graft.kernel.Tile.SHORTS;
import static jdk.incubator.vector.FloatVector.broadcast;
import static jdk.incubator.vector.FloatVector.fromArray;

import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/// The vector loops of [VectorQuantKernels].
///
/// Unpacking looks codes up in registers: the 16 values of a block, multiplied by its absmax (and
/// rounded) once, are one register of 16 lanes or two of 8, and a byte's halves are the indices of a
/// permutation.
final class QuantLoops {
    /// As many bytes as a register has float32 lanes.
    static final VectorSpecies<Byte> BYTES =
            COUNT < 8 ? null : VectorSpecies.of(byte.class, VectorShape.forBitSize(FLOATS.vectorBitSize() / 4));

    /// Numbers whose codes are unpacked together; every block size of the 4-bit formats is a multiple.
    private static final int RUN = 32;

    private QuantLoops() {}

    // ---------------------------------------------------------------- packing

    /// The largest magnitude.
    static float magnitude(float[] a, int n) {
        FloatVector m = FloatVector.zero(FLOATS);
        for (int i = 0; i < n; i += COUNT) {
            FloatVector x = fromArray(FLOATS, a, i).abs();
            m = m.blend(x, x.compare(VectorOperators.GT, m));
        }
        return m.reduceLanes(VectorOperators.MAX);
    }

    /// What the 4-bit codes of numbers are found with.
    ///
    /// @param thresholds 15, and one that nothing asks for
    /// @param codes      by how many of them lie below a number
    record Finder(Codebook book, float[] thresholds, int[] codes) {
        static Finder of(Codebook book) {
            int[] codes = new int[16];
            for (int rank = 0; rank < codes.length; rank++) {
                codes[rank] = book.codesByRank()[rank];
            }
            return new Finder(book, Arrays.copyOf(book.thresholds(), 16), codes);
        }
    }

    /// The 4-bit code of each number: how many thresholds lie strictly below it is found by halving.
    static void find(float[] a, int[] found, Finder finder, int n) {
        if (COUNT != 16 && COUNT != 8) {
            for (int i = 0; i < n; i++) {
                found[i] = finder.book.code(a[i]);
            }
            return;
        }
        IntVector table = fromArray(FLOATS, finder.thresholds, 0).reinterpretAsInts();
        IntVector more = fromArray(FLOATS, finder.thresholds, 16 - COUNT).reinterpretAsInts();
        IntVector codes = IntVector.fromArray(INTS, finder.codes, 0);
        IntVector moreCodes = IntVector.fromArray(INTS, finder.codes, 16 - COUNT);
        FloatVector middle = broadcast(FLOATS, finder.thresholds[7]);
        IntVector eight = IntVector.broadcast(INTS, 8);
        IntVector none = IntVector.zero(INTS);
        for (int i = 0; i < n; i += COUNT) {
            FloatVector x = fromArray(FLOATS, a, i);
            IntVector rank =
                    none.blend(eight, x.compare(VectorOperators.GT, middle).cast(INTS));
            for (int step = 4; step > 0; step >>= 1) {
                IntVector next = rank.add(step - 1);
                FloatVector threshold =
                        (COUNT == 16 ? next.selectFrom(table) : next.selectFrom(table, more)).reinterpretAsFloats();
                rank = rank.blend(
                        rank.add(step), x.compare(VectorOperators.GT, threshold).cast(INTS));
            }
            (COUNT == 16 ? rank.selectFrom(codes) : rank.selectFrom(codes, moreCodes)).intoArray(found, i);
        }
    }

    /// Two codes to a byte, the first in the upper half; a missing last one is the code of zero.
    static void pack(int[] codes, int n, Codebook book, long target) {
        int i = 0;
        if (COUNT >= 8) {
            for (int end = n - 2 * COUNT; i <= end; i += 2 * COUNT) {
                // a lane of 64 bits holds two codes; of what is put together, its lowest byte counts
                LongVector a = IntVector.fromArray(INTS, codes, i).reinterpretAsLongs();
                LongVector b = IntVector.fromArray(INTS, codes, i + COUNT).reinterpretAsLongs();
                a = a.lanewise(VectorOperators.LSHL, 4).or(a.lanewise(VectorOperators.LSHR, 32));
                b = b.lanewise(VectorOperators.LSHL, 4).or(b.lanewise(VectorOperators.LSHR, 32));
                IntVector lower = (IntVector) a.convertShape(VectorOperators.L2I, INTS, 0);
                IntVector upper = (IntVector) b.convertShape(VectorOperators.L2I, INTS, -1);
                ((ByteVector) lower.or(upper).convertShape(VectorOperators.I2B, BYTES, 0))
                        .intoMemorySegment(MEMORY, target + i / 2, ORDER);
            }
        }
        for (; i < n; i += 2) {
            int second = i + 1 < n ? codes[i + 1] : book.code(0);
            MEMORY.set(ValueLayout.JAVA_BYTE, target + i / 2, (byte) (codes[i] << 4 | second));
        }
    }

    /// The code of each number, a byte each.
    static void search(float[] a, int n, Codebook book, long target) {
        for (int i = 0; i < n; i++) {
            MEMORY.set(ValueLayout.JAVA_BYTE, target + i, (byte) book.code(a[i]));
        }
    }

    /// The nearest whole numbers, ties to even, within a byte.
    static void round(float[] a, int n, long target) {
        int i = 0;
        if (COUNT >= 8) {
            for (int end = n - COUNT; i <= end; i += COUNT) {
                // adding and taking away 1.5·2²³ leaves no room for a fraction
                FloatVector x = fromArray(FLOATS, a, i).add(0x1.8p23f).sub(0x1.8p23f);
                ((ByteVector) x.convertShape(VectorOperators.F2B, BYTES, 0))
                        .intoMemorySegment(MEMORY, target + i, ORDER);
            }
        }
        for (; i < n; i++) {
            MEMORY.set(ValueLayout.JAVA_BYTE, target + i, (byte) (a[i] + 0x1.8p23f - 0x1.8p23f));
        }
    }

    // ---------------------------------------------------------------- unpacking

    /// As many blocks of 4-bit codes as given, with a scale for each.
    static void unpack(long codes, float[] scales, float[] values, int block, int blocks, long y, boolean half) {
        boolean runs = (COUNT == 16 || COUNT == 8) && block % RUN == 0 && Integer.bitCount(block) == 1;
        if (!runs) {
            for (int b = 0; b < blocks; b++) {
                long source = codes + (long) b * (block / 2);
                tail(source, scales[b], values, block, Tile.at(y, (long) b * block, half), half);
            }
            return;
        }
        int steps = Integer.numberOfTrailingZeros(block / RUN);
        if (half) {
            unpackHalf(codes, scales, values, steps, blocks << steps, y);
        } else {
            unpackWide(codes, scales, values, steps, blocks << steps, y);
        }
    }

    /// Runs of 32 numbers, `2^steps` of them to a block, as bfloat16; a loop over the runs of each block
    /// would mostly be one of two turns. A byte becomes one 32-bit word: its upper half's value below, its
    /// lower half's above.
    private static void unpackHalf(long codes, float[] scales, float[] values, int steps, int runs, long y) {
        FloatVector first = fromArray(FLOATS, values, 0);
        FloatVector second = fromArray(FLOATS, values, 16 - COUNT);
        for (int run = 0; run < runs; run++) {
            float scale = scales[run >> steps];
            // the upper 16 bits rounded to the nearest, ties to even
            IntVector low = first.mul(scale).reinterpretAsInts();
            low = low.add(low.lanewise(VectorOperators.LSHR, 16).and(1))
                    .add(0x7fff)
                    .lanewise(VectorOperators.LSHR, 16);
            IntVector lowMore = second.mul(scale).reinterpretAsInts();
            lowMore = lowMore.add(lowMore.lanewise(VectorOperators.LSHR, 16).and(1))
                    .add(0x7fff)
                    .lanewise(VectorOperators.LSHR, 16);
            IntVector high = low.lanewise(VectorOperators.LSHL, 16);
            IntVector highMore = lowMore.lanewise(VectorOperators.LSHL, 16);
            long source = codes + RUN / 2 * (long) run;
            long target = y + 2 * RUN * (long) run;
            for (int i = 0; i < RUN / 2; i += COUNT) {
                IntVector pair = (IntVector) ByteVector.fromMemorySegment(BYTES, MEMORY, source + i, ORDER)
                        .convertShape(VectorOperators.ZERO_EXTEND_B2I, INTS, 0);
                IntVector upper = pair.lanewise(VectorOperators.LSHR, 4);
                // selecting looks at no more bits of an index than the table has
                (COUNT == 16 ? upper.selectFrom(low) : upper.selectFrom(low, lowMore))
                        .or(COUNT == 16 ? pair.selectFrom(high) : pair.selectFrom(high, highMore))
                        .intoMemorySegment(MEMORY, target + 4L * i, ORDER);
            }
        }
    }

    /// The same as float32.
    private static void unpackWide(long codes, float[] scales, float[] values, int steps, int runs, long y) {
        FloatVector first = fromArray(FLOATS, values, 0);
        FloatVector second = fromArray(FLOATS, values, 16 - COUNT);
        for (int run = 0; run < runs; run++) {
            float scale = scales[run >> steps];
            IntVector table = first.mul(scale).reinterpretAsInts();
            IntVector more = second.mul(scale).reinterpretAsInts();
            long source = codes + RUN / 2 * (long) run;
            long target = y + 4 * RUN * (long) run;
            for (int i = 0; i < RUN / 2; i += COUNT) {
                // the halves of each byte, one byte each, in the order of the numbers they stand for
                ShortVector pair = (ShortVector) ByteVector.fromMemorySegment(BYTES, MEMORY, source + i, ORDER)
                        .convertShape(VectorOperators.ZERO_EXTEND_B2S, SHORTS, 0);
                ByteVector nibbles = pair.lanewise(VectorOperators.LSHR, 4)
                        .or(pair.and((short) 15).lanewise(VectorOperators.LSHL, 8))
                        .reinterpretAsBytes();
                IntVector left = (IntVector) nibbles.convertShape(VectorOperators.B2I, INTS, 0);
                IntVector right = (IntVector) nibbles.convertShape(VectorOperators.B2I, INTS, 1);
                (COUNT == 16 ? left.selectFrom(table) : left.selectFrom(table, more))
                        .intoMemorySegment(MEMORY, target + 8L * i, ORDER);
                (COUNT == 16 ? right.selectFrom(table) : right.selectFrom(table, more))
                        .intoMemorySegment(MEMORY, target + 8L * i + 4 * COUNT, ORDER);
            }
        }
    }

    /// Codes of 8 bits, `codes[first …]`, as `value · absmax + offset`, rounded after each step.
    static void lookUpBytes(
            long codes, long absmax, float[] values, int block, float offset, long first, int n, float[] y, int start) {
        int[] index = new int[COUNT];
        FloatVector plus = broadcast(FLOATS, offset);
        int i = 0;
        while (i < n) {
            long at = first + i;
            float scale = Tile.get(Tile.at(absmax, at / block, false), false);
            int end = (int) Math.min(n, i + block - at % block);
            if (COUNT == 16 || COUNT == 8) {
                for (; i + COUNT <= end; i += COUNT) {
                    ((IntVector) ByteVector.fromMemorySegment(BYTES, MEMORY, codes + first + i, ORDER)
                                    .convertShape(VectorOperators.ZERO_EXTEND_B2I, INTS, 0))
                            .intoArray(index, 0);
                    fromArray(FLOATS, values, 0, index, 0).mul(scale).add(plus).intoArray(y, start + i);
                }
            }
            for (; i < end; i++) {
                int code = MEMORY.get(ValueLayout.JAVA_BYTE, codes + first + i) & 0xff;
                y[start + i] = values[code] * scale + offset;
            }
        }
    }

    /// `n` 4-bit codes of one block of any size.
    static void tail(long codes, float scale, float[] values, int n, long y, boolean half) {
        for (int i = 0; i < n; i++) {
            int both = MEMORY.get(ValueLayout.JAVA_BYTE, codes + i / 2) & 0xff;
            int code = i % 2 == 0 ? both >> 4 : both & 15;
            Tile.put(values[code] * scale, Tile.at(y, i, half), half);
        }
    }

    /// Signed bytes times two factors, one after the other.
    static void scaleBytes(long codes, int n, float scale, float step, long y, boolean half) {
        int i = 0;
        if (COUNT == 16 || COUNT == 8) {
            FloatVector by = broadcast(FLOATS, scale);
            FloatVector then = broadcast(FLOATS, step);
            for (int end = n - COUNT; i <= end; i += COUNT) {
                FloatVector x = ((FloatVector) ByteVector.fromMemorySegment(BYTES, MEMORY, codes + i, ORDER)
                                .convertShape(VectorOperators.B2F, FLOATS, 0))
                        .mul(by)
                        .mul(then);
                if (half) {
                    IntVector bits = x.reinterpretAsInts();
                    IntVector odd = bits.lanewise(VectorOperators.LSHR, 16).and(1);
                    ((ShortVector) bits.add(odd)
                                    .add(0x7fff)
                                    .lanewise(VectorOperators.LSHR, 16)
                                    .convertShape(VectorOperators.I2S, SHORTS, 0))
                            .intoMemorySegment(MEMORY, y + 2L * i, ORDER);
                } else {
                    x.intoMemorySegment(MEMORY, y + 4L * i, ORDER);
                }
            }
        }
        for (; i < n; i++) {
            float x = MEMORY.get(ValueLayout.JAVA_BYTE, codes + i) * scale * step;
            Tile.put(x, Tile.at(y, i, half), half);
        }
    }
}
