package dev.graft.kernel;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/// A vector register of float32 over raw memory that holds float32 or bfloat16.
///
/// Addresses are not checked here: whoever calls has compared the shapes. `half` says that elements are
/// bfloat16; it does not change inside a loop, so the compiler takes the question out of it.
final class Lanes {
    static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;
    static final VectorSpecies<Integer> INTS = FLOATS.withLanes(int.class);
    private static final VectorSpecies<Short> SHORTS =
            VectorSpecies.of(short.class, VectorShape.forBitSize(FLOATS.vectorBitSize() / 2));

    /// Elements of a register.
    static final int COUNT = FLOATS.length();

    private static final MemorySegment MEMORY = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

    private static final VectorShuffle<Float> ROTATED_BY_8 = rotated(8);
    private static final VectorShuffle<Float> ROTATED_BY_4 = rotated(4);
    private static final VectorShuffle<Float> ROTATED_BY_2 = rotated(2);
    private static final VectorShuffle<Float> ROTATED_BY_1 = rotated(1);

    private Lanes() {}

    private static VectorShuffle<Float> rotated(int lanes) {
        return VectorShuffle.iota(FLOATS, lanes, 1, true);
    }

    /// The sum of all lanes, each half added to the other until one is left.
    ///
    /// `reduceLanes(ADD)` adds in one order while it is interpreted and in another once it is compiled, so that the
    /// same step would not give the same bits twice.
    static float sum(FloatVector value) {
        FloatVector sum = value;
        for (int lanes = COUNT / 2; lanes > 8; lanes /= 2) {
            sum = sum.add(sum.rearrange(rotated(lanes)));
        }
        if (COUNT > 8) {
            sum = sum.add(sum.rearrange(ROTATED_BY_8));
        }
        if (COUNT > 4) {
            sum = sum.add(sum.rearrange(ROTATED_BY_4));
        }
        if (COUNT > 2) {
            sum = sum.add(sum.rearrange(ROTATED_BY_2));
        }
        return sum.add(sum.rearrange(ROTATED_BY_1)).lane(0);
    }

    /// Address of element `index`.
    static long at(long base, long index, boolean half) {
        return base + (index << (half ? 1 : 2));
    }

    static FloatVector load(long address, boolean half) {
        return half
                ? widen(ShortVector.fromMemorySegment(SHORTS, MEMORY, address, ORDER))
                : FloatVector.fromMemorySegment(FLOATS, MEMORY, address, ORDER);
    }

    /// The first `count` lanes from memory, the others 0.
    static FloatVector load(long address, int count, boolean half) {
        return half
                ? widen(ShortVector.fromMemorySegment(SHORTS, MEMORY, address, ORDER, SHORTS.indexInRange(0, count)))
                : FloatVector.fromMemorySegment(FLOATS, MEMORY, address, ORDER, lanes(count));
    }

    static void store(FloatVector value, long address, boolean half) {
        if (half) {
            narrow(value).intoMemorySegment(MEMORY, address, ORDER);
        } else {
            value.intoMemorySegment(MEMORY, address, ORDER);
        }
    }

    /// Writes the first `count` lanes.
    static void store(FloatVector value, long address, int count, boolean half) {
        if (half) {
            narrow(value).intoMemorySegment(MEMORY, address, ORDER, SHORTS.indexInRange(0, count));
        } else {
            value.intoMemorySegment(MEMORY, address, ORDER, lanes(count));
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

    static VectorMask<Float> lanes(int count) {
        return FLOATS.indexInRange(0, count);
    }

    /// bfloat16 is the upper half of a float32.
    private static FloatVector widen(ShortVector halves) {
        return ((IntVector) halves.convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
                .lanewise(VectorOperators.LSHL, 16)
                .reinterpretAsFloats();
    }

    /// Rounds to the nearest, ties to even. Infinities and the NaNs that arithmetic makes stay what they are.
    private static ShortVector narrow(FloatVector value) {
        IntVector bits = value.reinterpretAsInts();
        IntVector odd = bits.lanewise(VectorOperators.LSHR, 16).and(1);
        return (ShortVector) bits.add(odd)
                .add(0x7fff)
                .lanewise(VectorOperators.LSHR, 16)
                .convertShape(VectorOperators.I2S, SHORTS, 0);
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

    /// e^x within 1.5 units in the last place; 0 where the result would be subnormal.
    ///
    /// x = n·ln 2 + r with |r| ≤ ln 2 / 2; e^r by a polynomial of degree 6, 2^n by adding n to its exponent.
    /// In line it takes two thirds of the time of `VectorOperators.EXP`, which is a call that spills all registers.
    static FloatVector exp(FloatVector x) {
        FloatVector shifted = x.fma(all(1.44269504f), all(0x1.8p23f)); // the sum's last bits are n, rounded
        FloatVector n = shifted.sub(0x1.8p23f);
        FloatVector r = n.fma(all(-1.42860677e-6f), n.fma(all(-0.693145752f), x)); // ln 2 in two parts
        FloatVector p = all(0.0012785542f);
        p = p.fma(r, all(0.008363173f));
        p = p.fma(r, all(0.04168368f));
        p = p.fma(r, all(0.16666577f));
        p = p.fma(r, all(0.49999949f));
        p = p.fma(r, all(1)).fma(r, all(1));
        IntVector exponent = shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23);
        FloatVector y = p.reinterpretAsInts().add(exponent).reinterpretAsFloats();
        return y.blend(0, x.compare(VectorOperators.LT, -87.33654f))
                .blend(Float.POSITIVE_INFINITY, x.compare(VectorOperators.GT, 88.72283f));
    }

    /// 1 / (1 + e^−x).
    static FloatVector sigmoid(FloatVector x) {
        return all(1).div(exp(x.neg()).add(1));
    }
}
