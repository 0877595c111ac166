package dev.graft.model;

import dev.graft.tensor.Tensor;

/// The two orders in which the rows of query and key projections are kept. Rotary positions turn pairs of
/// rows: Meta's checkpoints, and llama2.c and GGUF files after them, keep the two of a pair together; Hugging
/// Face keeps the firsts of a head before its seconds.
public final class RotaryRows {
    private RotaryRows() {}

    /// From pairs to halves: Meta's order to Hugging Face's.
    ///
    /// @param rows `[heads · headDim, …]`
    public static Tensor toHalves(Tensor rows, int heads) {
        return reordered(rows, heads, rows.size(0) / heads / 2, 2);
    }

    /// From halves to pairs: Hugging Face's order to Meta's.
    public static Tensor toPairs(Tensor rows, int heads) {
        return reordered(rows, heads, 2, rows.size(0) / heads / 2);
    }

    private static Tensor reordered(Tensor rows, int heads, long outer, long inner) {
        long columns = rows.elements() / rows.size(0);
        return rows.view(heads, outer, inner, columns)
                .transpose(1, 2)
                .contiguous()
                .view(rows.shape());
    }
}
