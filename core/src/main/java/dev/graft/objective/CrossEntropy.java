package dev.graft.objective;

import dev.graft.tensor.Tensor;

/// Supervised fine-tuning: the negative log-probability of the labelled tokens, every token with the
/// same weight.
public final class CrossEntropy implements Objective {
    @Override
    public Loss loss(Tensor logProbs) {
        return new Loss(logProbs.sum().neg(), logProbs.elements());
    }
}
