package dev.graft.kernel;

import dev.graft.kernel.Kernels.Ranges;
import dev.graft.kernel.Kernels.Scoring;
import dev.graft.tensor.Device;
import dev.graft.tensor.Tensor;

/// Products `x·Wᵀ` of a few rows with a matrix that is read once, as it is kept: what decoding spends
/// its time on.
///
/// As with [Kernels] there are two bodies, [PlainRowProducts] (ATen operations, any device) and
/// [VectorRowProducts] (Vector API, CPU), and both take the same tests. Sums are in float32; a row of
/// the matrix is worked on whole by one thread, so results do not depend on their number. Tensors are
/// contiguous. Matrices in float32 are not here: libtorch's product reads them as fast as memory gives them.
public interface RowProducts {
    /// With more rows than this, unpacking the matrix for a full product is as fast.
    int MOST_ROWS = 8;

    /// Products of whole numbers within a byte that float32 adds up exactly: 2¹⁰ · 127² is below 2²⁴.
    int EXACT_IN_A_LANE = 1 << 10;

    /// Longest row whose products of whole numbers within a byte are added up exactly on this machine.
    static int exactColumns() {
        return EXACT_IN_A_LANE * (VectorKernels.isAvailable() ? Lanes.COUNT : 16);
    }

    /// The fastest body on a device, when it is one that beats unpacking there.
    static boolean areFast(Device device) {
        return device.isCpu() && VectorKernels.isAvailable();
    }

    /// The fastest body of a device.
    static RowProducts of(Device device) {
        return areFast(device) ? VectorRowProducts.INSTANCE : PlainRowProducts.INSTANCE;
    }

    /// Weights as [QuantKernels#quantiseBlocks] packs them in 4 bits: `value of code · scale` in float32.
    ///
    /// @param x     float32 or bfloat16 `[rows, in]`
    /// @param codes uint8, of a matrix `[out, in]`
    /// @param block even
    /// @return      `[rows, out]` in the type of `x`
    Tensor blocks(Tensor x, Tensor codes, Codebook book, int block, Scales scales, long out);

    /// Weights that are signed bytes: `Σ x · code`, without a scale.
    ///
    /// @param x     `[rows, in]`: float32 or bfloat16; or int8, at most [#exactColumns] columns, when
    ///              sums are exact and rounded once
    /// @param codes int8 `[out, in]`
    /// @return      float32 `[rows, out]`
    Tensor bytes(Tensor x, Tensor codes);

    /// A matrix in bfloat16.
    ///
    /// @param x      float32 or bfloat16 `[rows, in]`
    /// @param matrix bfloat16 `[out, in]`
    /// @return       `[rows, out]` in the type of `x`
    Tensor halves(Tensor x, Tensor matrix);

    /// Softmax attention of a few queries, each over its own range of keys.
    ///
    /// @param q      float32 or bfloat16 `[heads, tokens, headDim]`
    /// @param k      `[keyHeads, keys, headDim]` of the same type, each shared by `heads / keyHeads` heads
    /// @param v      the same
    /// @param ranges for each token the keys it may see, at least one
    /// @return       `[tokens, heads · headDim]` of the same type
    Tensor attention(Tensor q, Tensor k, Tensor v, Ranges ranges, Scoring scoring);

    /// What the values of each block are multiplied by.
    sealed interface Scales {
        /// @param absmax float32, one a block
        record Plain(Tensor absmax) implements Scales {}

        /// Scales packed in 8 bits themselves: `value of code · absmax + offset`, rounded after each step.
        ///
        /// @param codes  uint8, one a block
        /// @param absmax float32, one for each `block` of the codes
        record Nested(Tensor codes, Tensor absmax, Codebook book, int block, float offset) implements Scales {}
    }
}
