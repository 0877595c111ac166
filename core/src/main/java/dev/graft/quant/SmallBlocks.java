package dev.graft.quant;

import static dev.graft.quant.BlockCodec.half;
import static dev.graft.quant.BlockCodec.unsigned;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// Blocks of 32 weights with one float16 scale, and in the `_1` formats a float16 minimum. Four-bit
/// numbers lie two in a byte: weight `i` in the low half of byte `i`, weight `i + 16` in its high half;
/// fifth bits lie in an int.
public enum SmallBlocks implements BlockCodec {
    /// `d · (q − 8)`
    Q4_0(18) {
        @Override
        public void decode(MemorySegment packed, long at, float[] values, int from) {
            float d = half(packed, at);
            for (int i = 0; i < 16; i++) {
                int pair = unsigned(packed, at + 2 + i);
                values[from + i] = d * ((pair & 15) - 8);
                values[from + 16 + i] = d * ((pair >> 4) - 8);
            }
        }

        @Override
        void encodeBlock(float[] values, int from, MemorySegment packed, long at) {
            float extreme = values[from];
            for (int i = 0; i < 32; i++) {
                extreme = Math.abs(values[from + i]) > Math.abs(extreme) ? values[from + i] : extreme;
            }
            float d = extreme / -8;
            float inverse = d == 0 ? 0 : 1 / d;
            packed.set(SHORT, at, Float.floatToFloat16(d));
            for (int i = 0; i < 16; i++) {
                int low = Math.min(15, (int) (values[from + i] * inverse + 8.5f));
                int high = Math.min(15, (int) (values[from + 16 + i] * inverse + 8.5f));
                packed.set(ValueLayout.JAVA_BYTE, at + 2 + i, (byte) (low | high << 4));
            }
        }
    },
    /// `d · q + m`
    Q4_1(20) {
        @Override
        public void decode(MemorySegment packed, long at, float[] values, int from) {
            float d = half(packed, at);
            float m = half(packed, at + 2);
            for (int i = 0; i < 16; i++) {
                int pair = unsigned(packed, at + 4 + i);
                values[from + i] = d * (pair & 15) + m;
                values[from + 16 + i] = d * (pair >> 4) + m;
            }
        }
    },
    /// `d · (q − 16)`, five bits
    Q5_0(22) {
        @Override
        public void decode(MemorySegment packed, long at, float[] values, int from) {
            float d = half(packed, at);
            int fifth = packed.get(INT, at + 2);
            for (int i = 0; i < 16; i++) {
                int pair = unsigned(packed, at + 6 + i);
                values[from + i] = d * ((pair & 15 | (fifth >>> i & 1) << 4) - 16);
                values[from + 16 + i] = d * ((pair >> 4 | (fifth >>> i + 16 & 1) << 4) - 16);
            }
        }
    },
    /// `d · q + m`, five bits
    Q5_1(24) {
        @Override
        public void decode(MemorySegment packed, long at, float[] values, int from) {
            float d = half(packed, at);
            float m = half(packed, at + 2);
            int fifth = packed.get(INT, at + 4);
            for (int i = 0; i < 16; i++) {
                int pair = unsigned(packed, at + 8 + i);
                values[from + i] = d * (pair & 15 | (fifth >>> i & 1) << 4) + m;
                values[from + 16 + i] = d * (pair >> 4 | (fifth >>> i + 16 & 1) << 4) + m;
            }
        }
    },
    /// `d · q`, eight bits
    Q8_0(34) {
        @Override
        public void decode(MemorySegment packed, long at, float[] values, int from) {
            float d = half(packed, at);
            for (int i = 0; i < 32; i++) {
                values[from + i] = packed.get(ValueLayout.JAVA_BYTE, at + 2 + i) * d;
            }
        }

        @Override
        void encodeBlock(float[] values, int from, MemorySegment packed, long at) {
            float largest = 0;
            for (int i = 0; i < 32; i++) {
                largest = Math.max(largest, Math.abs(values[from + i]));
            }
            float d = largest / 127;
            float inverse = d == 0 ? 0 : 1 / d;
            packed.set(SHORT, at, Float.floatToFloat16(d));
            for (int i = 0; i < 32; i++) {
                packed.set(ValueLayout.JAVA_BYTE, at + 2 + i, (byte) awayFromZero(values[from + i] * inverse));
            }
        }
    };

    /// Weights in one block.
    public static final int ELEMENTS = 32;

    private final int bytes;

    SmallBlocks(int bytes) {
        this.bytes = bytes;
    }

    @Override
    public int elements() {
        return ELEMENTS;
    }

    @Override
    public int bytes() {
        return bytes;
    }

    /// Encodes the 32 values from `values[from]` into the block at byte `at`, as the reference
    /// implementation does, bit for bit. For Q8_0 and Q4_0.
    ///
    /// @throws ArithmeticException when the scale of the block does not fit float16
    public void encode(float[] values, int from, MemorySegment packed, long at) {
        encodeBlock(values, from, packed, at);
        if (!Float.isFinite(half(packed, at))) {
            throw new ArithmeticException("a block holds numbers too large for the float16 scale of " + this);
        }
    }

    void encodeBlock(float[] values, int from, MemorySegment packed, long at) {
        throw new UnsupportedOperationException("Graft reads " + this + " and does not write it");
    }

    private static int awayFromZero(float value) {
        float size = Math.abs(value);
        float whole = (float) Math.floor(size);
        int rounded = (int) (whole + (float) Math.floor(2 * (size - whole)));
        return value < 0 ? -rounded : rounded;
    }
}
