package dev.graft.quant;

import dev.graft.kernel.Codebook;
import dev.graft.tensor.Tensor;

/// 4-bit whole numbers from −7 to 7, scaled to the largest magnitude of each block: what NF4 and FP4 are
/// compared with in Dettmers et al. 2023, <https://arxiv.org/abs/2305.14314>. One of the 16 codes stays
/// unused.
///
/// @param block numbers that share a scale
public record Int4(int block) implements QuantFormat {
    static final String NAME = "int4";

    static final Codebook BOOK = codebook();

    public Int4 {
        FourBit.check(NAME, block);
    }

    /// Blocks of 64.
    public Int4() {
        this(FourBit.DEFAULT_BLOCK);
    }

    /// Code 8 is zero; code 0 stands below all numbers and means what code 1 does.
    private static Codebook codebook() {
        float[] values = new float[16];
        float[] thresholds = new float[15];
        for (int code = 1; code < 16; code++) {
            values[code] = (code - 8) / 7f;
            thresholds[code - 1] = (2 * code - 17) / 14f;
        }
        values[0] = values[1];
        thresholds[0] = -2; // no number of a scaled block is as small
        return Codebook.sorted(values, thresholds);
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public Quantised quantise(Tensor values) {
        return Blockwise.pack(this, BOOK, block, false, values);
    }
}
