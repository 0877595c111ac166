package dev.graft.objective;

import dev.graft.tensor.Tensor;

/// A summed loss and what it was summed over. Sums of several batches add up, and one division by the
/// total count at the end gives the same mean, and the same gradient, however the examples were spread
/// over batches.
///
/// @param sum   of one element
/// @param count labelled tokens (or pairs, or samples) in the sum
public record Loss(Tensor sum, long count) {
    public double mean() {
        return sum.item() / count;
    }
}
