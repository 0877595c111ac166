package dev.graft.kernel;

import static dev.graft.kernel.Lanes.COUNT;
import static dev.graft.kernel.Lanes.FLOATS;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/// Moves elements between libtorch's memory (float32 or bfloat16) and tiles: float32 arrays that stay in the
/// first-level cache, have room up to a whole number of registers, and are what [Loops] works on.
///
/// Why not work on memory directly: C2 stops inlining in a method that has grown to 18,000 nodes, a vector
/// operation is about 450 of them and a bfloat16 store 4,000. What the JDK marks is taken in even then, a
/// method of ours is not; and a register that is handed to such a method, or comes from one, is an object
/// made anew in each turn of the loop. So no method here has a register among its arguments or as its
/// result, however often the same four operations are written out; arrays go from loop to loop.
///
/// Addresses are not checked here: [Arguments] has been asked. `half` says that memory holds bfloat16.
final class Tile {
    /// Elements in a tile where the caller is free to choose.
    static final int LENGTH = 1024;

    /// As many 16-bit numbers as a register has float32 lanes.
    static final VectorSpecies<Short> SHORTS =
            VectorSpecies.of(short.class, VectorShape.forBitSize(FLOATS.vectorBitSize() / 2));
    static final MemorySegment MEMORY = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);
    static final ByteOrder ORDER = ByteOrder.nativeOrder();

    private Tile() {}

    /// The next whole number of registers.
    static int padded(int n) {
        return (n + COUNT - 1) / COUNT * COUNT;
    }

    /// A tile with room for `n` elements.
    static float[] of(int n) {
        return new float[padded(n)];
    }

    /// Sets what lies between `n` and the next whole number of registers.
    static void pad(float[] tile, int n, float value) {
        Arrays.fill(tile, n, padded(n), value);
    }

    /// Address of element `index`.
    static long at(long base, long index, boolean half) {
        return base + (index << (half ? 1 : 2));
    }

    /// Memory to tile.
    static void read(long address, boolean half, float[] tile, int start, int n) {
        if (half) {
            readHalf(address, tile, start, n);
        } else {
            MemorySegment.copy(MEMORY, ValueLayout.JAVA_FLOAT, address, tile, start, n);
        }
    }

    /// bfloat16 is the upper half of a float32.
    private static void readHalf(long address, float[] tile, int start, int n) {
        int i = 0;
        for (int end = n - COUNT; i <= end; i += COUNT) {
            ((IntVector) ShortVector.fromMemorySegment(SHORTS, MEMORY, address + 2L * i, ORDER)
                            .convertShape(VectorOperators.ZERO_EXTEND_S2I, Lanes.INTS, 0))
                    .lanewise(VectorOperators.LSHL, 16)
                    .reinterpretAsFloats()
                    .intoArray(tile, start + i);
        }
        for (; i < n; i++) {
            tile[start + i] = get(address + 2L * i, true);
        }
    }

    /// Tile to memory; bfloat16 is rounded to the nearest, ties to even. Infinities and the NaNs that
    /// arithmetic makes stay what they are.
    static void write(float[] tile, int start, long address, boolean half, int n) {
        if (half) {
            writeHalf(tile, start, address, n);
        } else {
            MemorySegment.copy(tile, start, MEMORY, ValueLayout.JAVA_FLOAT, address, n);
        }
    }

    private static void writeHalf(float[] tile, int start, long address, int n) {
        int i = 0;
        for (int end = n - COUNT; i <= end; i += COUNT) {
            IntVector bits = FloatVector.fromArray(FLOATS, tile, start + i).reinterpretAsInts();
            IntVector odd = bits.lanewise(VectorOperators.LSHR, 16).and(1);
            ((ShortVector) bits.add(odd)
                            .add(0x7fff)
                            .lanewise(VectorOperators.LSHR, 16)
                            .convertShape(VectorOperators.I2S, SHORTS, 0))
                    .intoMemorySegment(MEMORY, address + 2L * i, ORDER);
        }
        for (; i < n; i++) {
            put(tile[start + i], address + 2L * i, true);
        }
    }

    /// `n` elements from column `first` on, zeros around them.
    static void writeRow(float[] values, long row, int first, int n, int columns, boolean half) {
        clear(row, first, half);
        write(values, 0, at(row, first, half), half, n);
        clear(at(row, first + n, half), columns - first - n, half);
    }

    private static void clear(long address, long n, boolean half) {
        if (n > 0) {
            MEMORY.asSlice(address, at(0, n, half)).fill((byte) 0);
        }
    }

    static float get(long address, boolean half) {
        return half
                ? Float.intBitsToFloat(MEMORY.get(ValueLayout.JAVA_SHORT, address) << 16)
                : MEMORY.get(ValueLayout.JAVA_FLOAT, address);
    }

    static void put(float value, long address, boolean half) {
        if (half) {
            int bits = Float.floatToRawIntBits(value);
            MEMORY.set(ValueLayout.JAVA_SHORT, address, (short) (bits + 0x7fff + (bits >>> 16 & 1) >>> 16));
        } else {
            MEMORY.set(ValueLayout.JAVA_FLOAT, address, value);
        }
    }
}
