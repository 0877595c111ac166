package dev.graft.autograd;

import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;

/// What turns hidden states into logits: the output embedding, and a soft cap where the model has one,
/// `softCap · tanh(product / softCap)`.
///
/// @param projection of a weight `[vocab, width]`
/// @param softCap    0 for none
public record Head(Projection projection, double softCap) {
    /// A matrix and nothing else.
    static Head of(Weight weight) {
        return new Head(Projection.of(weight), 0);
    }

    Weight weight() {
        return projection.weight();
    }

    /// @param x `[rows, width]`
    /// @return  `[rows, vocab]`
    Value logits(Tape tape, Value x) {
        Value product = Projection.apply(tape, x, projection);
        return softCap == 0 ? product : Operations.softCap(tape, product, softCap);
    }

    /// Logits without a way back.
    ///
    /// @param x `[rows, width]`
    /// @return  `[rows, vocab]` in the type of `x`
    public Tensor logits(Tensor x) {
        return Scope.local(() -> {
            try (Tape tape = Tape.silent(x.device())) {
                return logits(tape, tape.constant(x)).data();
            }
        });
    }

    /// Log-probability of each target given the hidden state before it.
    ///
    /// @param hidden  `[tokens, width]`
    /// @param rows    int64 `[n]`, rows of `hidden`
    /// @param targets int64 `[n]`, a token id for each row
    /// @return        float32 `[n]`
    public Value logProbs(Tape tape, Value hidden, Tensor rows, Tensor targets) {
        return projection.isPlain()
                ? TokenLogProbs.apply(tape, hidden, rows, this, targets)
                : ChangedHead.logProbs(tape, hidden, rows, this, targets);
    }

    /// Log-probabilities without a way back, and how often the target was the likeliest token.
    public TokenLogProbs.Scores score(Tape tape, Tensor hidden, Tensor rows, Tensor targets) {
        return projection.isPlain()
                ? TokenLogProbs.score(tape, hidden, rows, this, targets)
                : ChangedHead.score(tape, hidden, rows, this, targets);
    }
}
