package dev.graft.quant;

import dev.graft.kernel.Codebook;
import dev.graft.tensor.Tensor;

/// 4-bit NormalFloat: 16 quantiles of the normal distribution, scaled to the largest magnitude of each block.
///
/// Dettmers et al. 2023, <https://arxiv.org/abs/2305.14314>. The bytes are those of bitsandbytes' CUDA
/// kernels.
///
/// @param block  numbers that share a scale
/// @param nested whether the scales are packed too (`bnb_4bit_use_double_quant`)
public record Nf4(int block, boolean nested) implements QuantFormat {
    static final String NAME = "nf4";

    static final Codebook BOOK = Codebook.sorted(
            new float[] {
                -1.0f,
                -0.6961928009986877f,
                -0.5250730514526367f,
                -0.39491748809814453f,
                -0.28444138169288635f,
                -0.18477343022823334f,
                -0.09105003625154495f,
                0.0f,
                0.07958029955625534f,
                0.16093020141124725f,
                0.24611230194568634f,
                0.33791524171829224f,
                0.44070982933044434f,
                0.5626170039176941f,
                0.7229568362236023f,
                1.0f
            },
            new float[] {
                -0.8480964004993439f,
                -0.6106329262256622f,
                -0.4599952697753906f,
                -0.33967943489551544f,
                -0.23460740596055984f,
                -0.13791173323988914f,
                -0.045525018125772476f,
                0.03979014977812767f,
                0.1202552504837513f,
                0.2035212516784668f,
                0.2920137718319893f,
                0.3893125355243683f,
                0.5016634166240692f,
                0.6427869200706482f,
                0.8614784181118011f
            });

    public Nf4 {
        FourBit.check(NAME, block);
    }

    /// Blocks of 64.
    public Nf4(boolean nested) {
        this(FourBit.DEFAULT_BLOCK, nested);
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
