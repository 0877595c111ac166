package dev.graft.objective;

import dev.graft.tensor.Tensor;

/// What training makes small, as a function of the log-probabilities of the labelled tokens of a batch.
/// Its gradient comes from libtorch's autograd over that one vector, so an objective needs no backward code.
public interface Objective {
    /// @param logProbs float32 `[labelled]`, natural logarithms, in the order of the batch
    Loss loss(Tensor logProbs);
}
