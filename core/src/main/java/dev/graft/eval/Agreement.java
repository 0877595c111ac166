package dev.graft.eval;

import dev.graft.autograd.Tape;
import dev.graft.data.PackedBatch;
import dev.graft.model.LanguageModel;
import dev.graft.nn.TokenRun;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.util.List;

/// How alike two models of one vocabulary predict the labelled tokens of some batches.
///
/// @param meanKl              mean over tokens of `KL(model ‖ reference) = Σ p·(log p − log q)`, in nats
/// @param maxKl               the largest of them
/// @param topOne              share of tokens for which both find the same token likeliest
/// @param perplexity          of the model
/// @param referencePerplexity of the reference
/// @param tokens              labelled tokens compared
public record Agreement(
        double meanKl, double maxKl, double topOne, double perplexity, double referencePerplexity, long tokens) {
    /// Logits that are in memory at a time, of each model.
    private static final long LOGITS = 1 << 24;

    /// Runs both models over the batches without recording.
    public static Agreement of(LanguageModel model, LanguageModel reference, List<PackedBatch> batches) {
        if (model.vocabularySize() != reference.vocabularySize()) {
            throw new IllegalArgumentException("the vocabularies have %d and %d tokens; models to compare share one"
                    .formatted(model.vocabularySize(), reference.vocabularySize()));
        }
        Sums sums = new Sums();
        for (PackedBatch batch : batches) {
            try (Scope scope = Scope.open()) {
                compare(model, reference, batch, sums);
            }
        }
        if (sums.tokens == 0) {
            throw new IllegalArgumentException("there is no labelled token to compare the models on");
        }
        return sums.result();
    }

    private static void compare(LanguageModel model, LanguageModel reference, PackedBatch batch, Sums sums) {
        Tensor hidden = hidden(model, batch);
        Tensor other = hidden(reference, batch);
        Tensor targets = Tensor.of(batch.labelledTargets());
        int rows = Math.toIntExact(Math.max(1, LOGITS / model.vocabularySize()));
        for (int from = 0; from < batch.labelledCount(); from += rows) {
            try (Scope scope = Scope.open()) {
                int count = Math.min(rows, batch.labelledCount() - from);
                Tensor p = logProbs(model, hidden.narrow(0, from, count));
                Tensor q = logProbs(reference, other.narrow(0, from, count));
                sums.add(p, q, targets.narrow(0, from, count));
            }
        }
    }

    /// Hidden states before the labelled tokens.
    private static Tensor hidden(LanguageModel model, PackedBatch batch) {
        return Scope.local(() -> {
            Tape tape = Tape.silent(model.device());
            TokenRun run = TokenRun.documents(batch.ids(), batch.documentStarts());
            return model.hidden(tape, run)
                    .data()
                    .indexSelect(0, Tensor.of(batch.labelledRows()).to(model.device()));
        });
    }

    private static Tensor logProbs(LanguageModel model, Tensor hidden) {
        return Scope.local(
                () -> model.logits(hidden).to(DType.F32).logSoftmax(-1).to(Device.cpu()));
    }

    private static final class Sums {
        private double kl;
        private double maxKl;
        private double same;
        private double loss;
        private double referenceLoss;
        private long tokens;

        /// @param p `[rows, vocab]`, log-probabilities of the model
        /// @param q those of the reference
        void add(Tensor p, Tensor q, Tensor targets) {
            Tensor divergence = p.exp().mul(p.sub(q)).sum(1, false);
            kl += divergence.sum().item();
            maxKl = Math.max(maxKl, divergence.max().item());
            same += p.argmax(1).eq(q.argmax(1)).to(DType.F32).sum().item();
            loss -= p.gather(1, targets.unsqueeze(1)).sum().item();
            referenceLoss -= q.gather(1, targets.unsqueeze(1)).sum().item();
            tokens += p.size(0);
        }

        Agreement result() {
            return new Agreement(
                    Math.max(0, kl / tokens), // float32 may leave a sum of -1e-9
                    maxKl,
                    same / tokens,
                    Math.exp(loss / tokens),
                    Math.exp(referenceLoss / tokens),
                    tokens);
        }
    }
}
