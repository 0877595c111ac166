package dev.graft.kernel;

import static dev.graft.kernel.Lanes.COUNT;
import static dev.graft.kernel.Lanes.FLOATS;
import static dev.graft.kernel.Lanes.INTS;
import static dev.graft.kernel.Lanes.all;
import static dev.graft.kernel.Lanes.larger;
import static dev.graft.kernel.Lanes.zero;
import static dev.graft.kernel.Tile.MEMORY;
import static dev.graft.kernel.Tile.ORDER;
import static jdk.incubator.vector.FloatVector.fromArray;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
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
    /// As many bytes, or 16-bit numbers, as a register has float32 lanes.
    static final VectorSpecies<Byte> BYTES =
            COUNT < 8 ? null : VectorSpecies.of(byte.class, VectorShape.forBitSize(FLOATS.vectorBitSize() / 4));

    private static final VectorSpecies<Short> SHORTS =
            COUNT < 8 ? null : VectorSpecies.of(short.class, VectorShape.forBitSize(FLOATS.vectorBitSize() / 2));

    /// Numbers whose codes are unpacked together; every block size of the 4-bit formats is a multiple.
    private static final int RUN = 32;

    private QuantLoops() {}

    // ---------------------------------------------------------------- packing

    /// The largest magnitude.
    static float magnitude(float[] a, int n) {
        FloatVector m = zero();
        for (int i = 0; i < n; i += COUNT) {
            m = larger(m, fromArray(FLOATS, a, i).abs());
        }
        return m.reduceLanes(VectorOperators.MAX);
    }

    /// How many of 15 thresholds lie strictly below each number, by halving.
    static void ranks(float[] a, int[] ranks, float[] thresholds, int n) {
        if (COUNT != 16 && COUNT != 8) {
            for (int i = 0; i < n; i++) {
                int rank = 0;
                for (float threshold : thresholds) {
                    rank += a[i] > threshold ? 1 : 0;
                }
                ranks[i] = rank;
            }
            return;
        }
        float[] sixteen = Arrays.copyOf(thresholds, 16);
        IntVector table = fromArray(FLOATS, sixteen, 0).reinterpretAsInts();
        IntVector more = fromArray(FLOATS, sixteen, 16 - COUNT).reinterpretAsInts();
        FloatVector middle = all(thresholds[7]);
        IntVector eight = IntVector.broadcast(INTS, 8);
        IntVector none = IntVector.zero(INTS);
        for (int i = 0; i < n; i += COUNT) {
            FloatVector x = fromArray(FLOATS, a, i);
            IntVector rank =
                    none.blend(eight, x.compare(VectorOperators.GT, middle).cast(INTS));
            rank = above(x, rank, 4, table, more);
            rank = above(x, rank, 2, table, more);
            rank = above(x, rank, 1, table, more);
            rank.intoArray(ranks, i);
        }
    }

    private static IntVector above(FloatVector x, IntVector rank, int step, IntVector table, IntVector more) {
        FloatVector threshold = select(rank.add(step - 1), table, more).reinterpretAsFloats();
        return rank.blend(
                rank.add(step), x.compare(VectorOperators.GT, threshold).cast(INTS));
    }

    /// Two codes to a byte, the first in the upper half; a missing last one is the code of zero.
    static void pack(int[] ranks, int n, Codebook book, byte[] bytes, long target) {
        byte[] codes = book.codesByRank();
        int whole = n / 2;
        for (int i = 0; i < whole; i++) {
            bytes[i] = (byte) (codes[ranks[2 * i]] << 4 | codes[ranks[2 * i + 1]]);
        }
        if (n % 2 != 0) {
            bytes[whole] = (byte) (codes[ranks[n - 1]] << 4 | book.code(0));
        }
        MemorySegment.copy(bytes, 0, MEMORY, ValueLayout.JAVA_BYTE, target, (n + 1) / 2);
    }

    /// The code of each number, a byte each.
    static void search(float[] a, int n, Codebook book, long target) {
        for (int i = 0; i < n; i++) {
            MEMORY.set(ValueLayout.JAVA_BYTE, target + i, (byte) book.code(a[i]));
        }
    }

    /// The nearest whole numbers, ties to even, within a byte.
    static void round(float[] a, int n, long target) {
        for (int i = 0; i < n; i++) {
            // adding and taking away 1.5·2²³ leaves no room for a fraction
            MEMORY.set(ValueLayout.JAVA_BYTE, target + i, (byte) (a[i] + 0x1.8p23f - 0x1.8p23f));
        }
    }

    // ---------------------------------------------------------------- unpacking

    /// Blocks `from … to-1` of 4-bit codes.
    static void unpack(long codes, long scales, float[] values, int block, long from, long to, long y, boolean half) {
        boolean runs = (COUNT == 16 || COUNT == 8) && block % RUN == 0 && Integer.bitCount(block) == 1;
        if (!runs) {
            lookUp(codes, scales, values, block, from, to, y, half);
            return;
        }
        int steps = Integer.numberOfTrailingZeros(block / RUN);
        if (half) {
            unpackHalf(codes, scales, values, steps, from << steps, to << steps, y);
        } else {
            unpackWide(codes, scales, values, steps, from << steps, to << steps, y);
        }
    }

    /// Runs of 32 numbers, `2^steps` of them to a block, as bfloat16. A byte becomes one 32-bit word:
    /// its upper half's value below, its lower half's above.
    private static void unpackHalf(long codes, long scales, float[] values, int steps, long from, long to, long y) {
        FloatVector first = fromArray(FLOATS, values, 0);
        FloatVector second = fromArray(FLOATS, values, 16 - COUNT);
        for (long run = from; run < to; run++) {
            float scale = MEMORY.get(ValueLayout.JAVA_FLOAT, scales + 4 * (run >> steps));
            IntVector low = rounded(first.mul(scale));
            IntVector lowMore = rounded(second.mul(scale));
            IntVector high = low.lanewise(VectorOperators.LSHL, 16);
            IntVector highMore = lowMore.lanewise(VectorOperators.LSHL, 16);
            long source = codes + RUN / 2 * run;
            long target = y + 2 * RUN * run;
            pairs(source, low, lowMore, high, highMore, target);
            if (COUNT == 8) {
                pairs(source + 8, low, lowMore, high, highMore, target + 32);
            }
        }
    }

    private static void pairs(
            long source, IntVector low, IntVector lowMore, IntVector high, IntVector highMore, long target) {
        IntVector pair = (IntVector) ByteVector.fromMemorySegment(BYTES, MEMORY, source, ORDER)
                .convertShape(VectorOperators.ZERO_EXTEND_B2I, INTS, 0);
        select(pair.lanewise(VectorOperators.LSHR, 4), low, lowMore)
                .or(select(pair.and(15), high, highMore))
                .intoMemorySegment(MEMORY, target, ORDER);
    }

    /// The same as float32.
    private static void unpackWide(long codes, long scales, float[] values, int steps, long from, long to, long y) {
        FloatVector first = fromArray(FLOATS, values, 0);
        FloatVector second = fromArray(FLOATS, values, 16 - COUNT);
        for (long run = from; run < to; run++) {
            float scale = MEMORY.get(ValueLayout.JAVA_FLOAT, scales + 4 * (run >> steps));
            IntVector table = first.mul(scale).reinterpretAsInts();
            IntVector more = second.mul(scale).reinterpretAsInts();
            long source = codes + RUN / 2 * run;
            long target = y + 4 * RUN * run;
            wide(source, table, more, target);
            if (COUNT == 8) {
                wide(source + 8, table, more, target + 64);
            }
        }
    }

    private static void wide(long source, IntVector table, IntVector more, long target) {
        ByteVector nibbles = nibbles(source);
        select((IntVector) nibbles.convertShape(VectorOperators.B2I, INTS, 0), table, more)
                .intoMemorySegment(MEMORY, target, ORDER);
        select((IntVector) nibbles.convertShape(VectorOperators.B2I, INTS, 1), table, more)
                .intoMemorySegment(MEMORY, target + 4 * COUNT, ORDER);
    }

    /// The upper 16 bits of float32 rounded to the nearest bfloat16, ties to even, in the lower half of
    /// a lane.
    private static IntVector rounded(FloatVector x) {
        IntVector bits = x.reinterpretAsInts();
        IntVector odd = bits.lanewise(VectorOperators.LSHR, 16).and(1);
        return bits.add(odd).add(0x7fff).lanewise(VectorOperators.LSHR, 16);
    }

    /// Table entries by index; the table is one register of 16 lanes or two of 8.
    static IntVector select(IntVector index, IntVector table, IntVector more) {
        return COUNT == 16 ? index.selectFrom(table) : index.selectFrom(table, more);
    }

    /// The halves of as many bytes as there are lanes, one byte each, in the order of the numbers they
    /// stand for.
    private static ByteVector nibbles(long address) {
        ShortVector pair = (ShortVector) ByteVector.fromMemorySegment(BYTES, MEMORY, address, ORDER)
                .convertShape(VectorOperators.ZERO_EXTEND_B2S, SHORTS, 0);
        return pair.lanewise(VectorOperators.LSHR, 4)
                .or(pair.and((short) 15).lanewise(VectorOperators.LSHL, 8))
                .reinterpretAsBytes();
    }

    /// The same for any size of block, one number after the other.
    private static void lookUp(
            long codes, long scales, float[] values, int block, long from, long to, long y, boolean half) {
        for (long b = from; b < to; b++) {
            float scale = Tile.get(Tile.at(scales, b, false), false);
            tail(codes + b * (block / 2), scale, values, block, Tile.at(y, b * block, half), half);
        }
    }

    /// Codes of 8 bits, `codes[first …]`, as `value · absmax + offset`, rounded after each step.
    static void lookUpBytes(
            long codes, long absmax, float[] values, int block, float offset, long first, int n, float[] y, int start) {
        int[] index = new int[COUNT];
        FloatVector plus = all(offset);
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

    /// `n` 4-bit codes of one block.
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
            FloatVector by = all(scale);
            FloatVector then = all(step);
            for (int end = n - COUNT; i <= end; i += COUNT) {
                FloatVector x = ((FloatVector) ByteVector.fromMemorySegment(BYTES, MEMORY, codes + i, ORDER)
                                .convertShape(VectorOperators.B2F, FLOATS, 0))
                        .mul(by)
                        .mul(then);
                if (half) {
                    ((ShortVector) rounded(x).convertShape(VectorOperators.I2S, SHORTS, 0))
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
