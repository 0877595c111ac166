package dev.graft.eval;

import dev.graft.autograd.Tape;
import dev.graft.autograd.TokenLogProbs;
import dev.graft.data.PackedBatch;
import dev.graft.model.LanguageModel;
import dev.graft.nn.TokenRun;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.util.List;
import java.util.function.IntConsumer;

/// How well a model predicts the labelled tokens of held-out batches.
///
/// @param loss          mean negative log-probability (natural) of a labelled token
/// @param tokenAccuracy share of labelled tokens that no other token beat, given the true tokens before
/// @param tokens        labelled tokens counted
public record HeldOut(double loss, double tokenAccuracy, long tokens) {
    /// `e^loss`: between how many tokens the model is, on average, as unsure as among equals.
    public double perplexity() {
        return Math.exp(loss);
    }

    /// Runs the model over the batches without recording.
    public static HeldOut of(LanguageModel model, List<PackedBatch> batches) {
        return of(model, batches, _ -> {});
    }

    /// @param progress told how many batches are measured, after each
    public static HeldOut of(LanguageModel model, List<PackedBatch> batches, IntConsumer progress) {
        int done = 0;
        double sum = 0;
        long correct = 0;
        long tokens = 0;
        for (PackedBatch batch : batches) {
            try (Scope scope = Scope.open()) {
                Tape tape = Tape.silent(model.device());
                Tensor hidden = model.hidden(tape, TokenRun.documents(batch.ids(), batch.documentStarts()))
                        .data();
                TokenLogProbs.Scores scores = model.score(tape, hidden, batch.labelledRows(), batch.labelledTargets());
                sum -= scores.logProbs().sum().item();
                correct += scores.correct();
                tokens += batch.labelledCount();
            }
            progress.accept(++done);
        }
        if (tokens == 0) {
            throw new IllegalArgumentException("the held-out rows have no labelled token to measure a loss on");
        }
        return new HeldOut(sum / tokens, (double) correct / tokens, tokens);
    }
}
