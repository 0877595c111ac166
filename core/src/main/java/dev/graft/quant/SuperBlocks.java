package dev.graft.quant;

import static dev.graft.quant.BlockCodec.half;
import static dev.graft.quant.BlockCodec.unsigned;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// The "K" formats: 256 weights in groups of 16 or 32, each group with a scale of a few bits that
/// multiplies the float16 scale of the whole, and in some formats a minimum kept the same way.
public enum SuperBlocks implements BlockCodec {
    /// Groups of 16 with four-bit scales and minima, two-bit numbers: `d·scale·q − dmin·min`.
    Q2_K(84) {
        @Override
        public void decode(MemorySegment packed, long at, float[] values, int from) {
            float d = half(packed, at + 80);
            float dmin = half(packed, at + 82);
            for (int i = 0; i < 256; i++) {
                int scales = unsigned(packed, at + i / 16);
                float scale = d * (scales & 15);
                float min = dmin * (scales >> 4);
                values[from + i] = scale * twoBits(packed, at + 16, i) - min;
            }
        }
    },
    /// Groups of 16 with six-bit scales, three-bit numbers: `d·scale·q`.
    Q3_K(110) {
        @Override
        public void decode(MemorySegment packed, long at, float[] values, int from) {
            float d = half(packed, at + 108);
            for (int i = 0; i < 256; i++) {
                float scale = d * (threeBitScale(packed, at + 96, i / 16) - 32);
                int absent = 1 - (unsigned(packed, at + i % 32) >> i / 32 & 1); // a clear bit takes four away
                values[from + i] = scale * (twoBits(packed, at + 32, i) - 4 * absent);
            }
        }
    },
    /// Groups of 32 with six-bit scales and minima, four-bit numbers: `d·scale·q − dmin·min`.
    Q4_K(144) {
        @Override
        public void decode(MemorySegment packed, long at, float[] values, int from) {
            for (int group = 0; group < 8; group++) {
                float scale = half(packed, at) * sixBitScale(packed, at + 4, group);
                float min = half(packed, at + 2) * sixBitMin(packed, at + 4, group);
                for (int i = 32 * group; i < 32 * group + 32; i++) {
                    values[from + i] = scale * fourBits(packed, at + 16, i) - min;
                }
            }
        }
    },
    /// As Q4_K with five-bit numbers.
    Q5_K(176) {
        @Override
        public void decode(MemorySegment packed, long at, float[] values, int from) {
            for (int group = 0; group < 8; group++) {
                float scale = half(packed, at) * sixBitScale(packed, at + 4, group);
                float min = half(packed, at + 2) * sixBitMin(packed, at + 4, group);
                for (int i = 32 * group; i < 32 * group + 32; i++) {
                    int fifth = unsigned(packed, at + 16 + i % 32) >> group & 1;
                    values[from + i] = scale * (fourBits(packed, at + 48, i) | fifth << 4) - min;
                }
            }
        }
    },
    /// Groups of 16 with eight-bit scales, six-bit numbers: `d·scale·(q − 32)`.
    Q6_K(210) {
        @Override
        public void decode(MemorySegment packed, long at, float[] values, int from) {
            float d = half(packed, at + 208);
            for (int i = 0; i < 256; i++) {
                float scale = d * packed.get(ValueLayout.JAVA_BYTE, at + 192 + i / 16);
                int low = unsigned(packed, at + i / 128 * 64 + i % 64) >> i / 64 % 2 * 4 & 15;
                int high = twoBits(packed, at + 128, i);
                values[from + i] = scale * ((low | high << 4) - 32);
            }
        }
    };

    private final int bytes;

    SuperBlocks(int bytes) {
        this.bytes = bytes;
    }

    @Override
    public int elements() {
        return 256;
    }

    @Override
    public int bytes() {
        return bytes;
    }

    /// Halves of 128 weights in 32 bytes; weight `i` of a half has two bits of byte `i % 32`.
    private static int twoBits(MemorySegment packed, long at, int i) {
        return unsigned(packed, at + i / 128 * 32 + i % 32) >> i / 32 % 4 * 2 & 3;
    }

    /// Quarters of 64 weights in 32 bytes; weight `i` of a quarter has half of byte `i % 32`.
    private static int fourBits(MemorySegment packed, long at, int i) {
        return unsigned(packed, at + i / 64 * 32 + i % 32) >> i / 32 % 2 * 4 & 15;
    }

    /// Scales of Q3_K: four low bits in the first eight bytes, two high bits in the last four.
    private static int threeBitScale(MemorySegment packed, long at, int group) {
        int low = unsigned(packed, at + group % 8) >> group / 8 * 4 & 15;
        int high = unsigned(packed, at + 8 + group % 4) >> group / 4 * 2 & 3;
        return low | high << 4;
    }

    /// Scales of Q4_K and Q5_K: those of the first four groups whole, of the others in two parts.
    private static int sixBitScale(MemorySegment packed, long at, int group) {
        return group < 4
                ? unsigned(packed, at + group) & 63
                : unsigned(packed, at + 4 + group) & 15 | unsigned(packed, at + group - 4) >> 2 & 48;
    }

    private static int sixBitMin(MemorySegment packed, long at, int group) {
        return group < 4
                ? unsigned(packed, at + 4 + group) & 63
                : unsigned(packed, at + 4 + group) >> 4 | unsigned(packed, at + group) >> 2 & 48;
    }
}
