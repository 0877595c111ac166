package dev.graft.quant;

import dev.graft.kernel.Codebook;
import dev.graft.tensor.Tensor;

/// 4-bit floating point: a sign, two bits of exponent and one of fraction, scaled to the largest
/// magnitude of each block. The bytes are those of bitsandbytes' CUDA kernels, whose bounds are not
/// quite the middles between values.
///
/// @param block  numbers that share a scale
/// @param nested whether the scales are packed too (`bnb_4bit_use_double_quant`)
public record Fp4(int block, boolean nested) implements QuantFormat {
    static final String NAME = "fp4";

    /// By the lower three bits of the code.
    private static final float[] MAGNITUDES = {
        0.0f, 0.005208333333f, 0.66666667f, 1.0f, 0.33333333f, 0.5f, 0.16666667f, 0.25f
    };

    /// The lower three bits from the smallest magnitude to the largest.
    private static final int[] ORDER = {0b000, 0b001, 0b110, 0b111, 0b100, 0b101, 0b010, 0b011};

    private static final float[] BOUNDS = {
        0.00260417f, 0.0859375f, 0.20833333f, 0.29166667f, 0.4166667f, 0.583333f, 0.8333333f
    };

    static final Codebook BOOK = codebook();

    public Fp4 {
        FourBit.check(NAME, block);
    }

    /// Blocks of 64.
    public Fp4(boolean nested) {
        this(FourBit.DEFAULT_BLOCK, nested);
    }

    /// Magnitudes are compared, and every number below zero keeps its sign, even where it becomes −0.
    private static Codebook codebook() {
        float[] values = new float[16];
        float[] thresholds = new float[15];
        byte[] codes = new byte[16];
        for (int i = 0; i < 8; i++) {
            values[i] = MAGNITUDES[i];
            values[i + 8] = -MAGNITUDES[i];
            codes[7 - i] = (byte) (ORDER[i] + 8);
            codes[8 + i] = (byte) ORDER[i];
        }
        for (int i = 0; i < 7; i++) {
            thresholds[6 - i] = Math.nextDown(-BOUNDS[i]); // a magnitude at the bound is not above it
            thresholds[8 + i] = BOUNDS[i];
        }
        thresholds[7] = -Float.MIN_VALUE;
        return new Codebook(values, thresholds, codes);
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public Quantised quantise(Tensor values) {
        return Blockwise.pack(this, BOOK, block, nested, values);
    }
}
