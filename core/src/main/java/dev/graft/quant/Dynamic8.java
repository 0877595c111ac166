package dev.graft.quant;

import dev.graft.kernel.DynamicMap;
import dev.graft.tensor.Tensor;
import java.util.Set;
import java.util.TreeSet;

/// Blocks of 8-bit dynamic numbers, precise near zero: optimizer state and the scales of double quantisation.
///
/// Dettmers et al. 2021, <https://arxiv.org/abs/2110.02861>. The codes are those of bitsandbytes' CUDA
/// kernels: the nearest value, at a tie the even code. (Its CPU kernel looks in a table too coarse for
/// values near zero.)
///
/// @param block  numbers that share a scale; 256 for optimizer state
/// @param signed false for numbers that are never negative, which then have twice the steps
public record Dynamic8(int block, boolean signed) implements QuantFormat {
    private static final Set<Integer> BLOCKS = Set.of(64, 128, 256, 512, 1024, 2048, 4096);

    public Dynamic8 {
        if (!BLOCKS.contains(block)) {
            throw new IllegalArgumentException(
                    "dynamic8 in blocks of %d; expected one of %s".formatted(block, new TreeSet<>(BLOCKS)));
        }
    }

    /// Signed numbers in blocks of 4096.
    public Dynamic8() {
        this(4096, true);
    }

    @Override
    public String name() {
        return signed ? "dynamic8" : "udynamic8";
    }

    @Override
    public Quantised quantise(Tensor values) {
        return Blockwise.pack(this, signed ? DynamicMap.SIGNED : DynamicMap.UNSIGNED, block, false, values);
    }
}
