package dev.graft.model;

import dev.graft.autograd.ChangedHead;
import dev.graft.autograd.Head;
import dev.graft.autograd.Parameter;
import dev.graft.autograd.Projection;
import dev.graft.autograd.Tape;
import dev.graft.autograd.TokenLogProbs;
import dev.graft.autograd.Value;
import dev.graft.nn.KvCache;
import dev.graft.nn.TokenRun;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Tensor;
import java.util.List;

/// A decoder that reads tokens and gives a hidden state for each, and a head that turns hidden states
/// into logits.
///
/// It holds its weights (and the files they are mapped from) until [#close].
public interface LanguageModel extends AutoCloseable {
    ModelConfig config();

    /// Type of the hidden states.
    DType computeType();

    /// Where its weights lie and it computes.
    Device device();

    /// Hidden states after the last norm.
    ///
    /// @return `[tokens, width]`
    Value hidden(Tape tape, TokenRun run);

    /// The output embedding, of a weight `[vocab, width]`.
    Projection head();

    /// What the logits are capped at, `softCap · tanh(logit / softCap)`; 0 for not at all.
    default double logitSoftCap() {
        return 0;
    }

    /// A cache for decoding.
    ///
    /// @param slots tokens it has room for, all sequences together
    KvCache cache(int slots);

    /// How long a sequence may become while keys and values of its first `length` tokens, read when it
    /// was that long, stay what the model would compute: some rotary scalings turn every token of a
    /// longer document otherwise.
    default int cacheHolds(int length) {
        return Integer.MAX_VALUE;
    }

    /// Token ids it knows, from 0; at least those of its tokenizer.
    int vocabularySize();

    /// Longest document the model was made for, in tokens.
    int maxPositions();

    /// Everything that learns, in the order of the layers; empty for a model that only runs.
    List<Parameter> parameters();

    /// Elements of all weights of the base model, tied ones once.
    long totalParameters();

    /// Log-probability of each target given the hidden state before it.
    ///
    /// @param rows    rows of `hidden`
    /// @param targets one token id for each
    /// @return        float32 `[rows]`
    default Value logProbs(Tape tape, Value hidden, int[] rows, int[] targets) {
        Projection head = head();
        Tensor at = Tensor.of(rows).to(device());
        Tensor tokens = Tensor.of(targets).to(device());
        return head.isPlain()
                ? TokenLogProbs.apply(tape, hidden, at, new Head(head.weight(), logitSoftCap()), tokens)
                : ChangedHead.logProbs(tape, hidden, at, head, logitSoftCap(), tokens);
    }

    /// Log-probabilities without a way back, and how often the target was the likeliest token.
    default TokenLogProbs.Scores score(Tape tape, Tensor hidden, int[] rows, int[] targets) {
        Projection head = head();
        Tensor at = Tensor.of(rows).to(device());
        Tensor tokens = Tensor.of(targets).to(device());
        return head.isPlain()
                ? TokenLogProbs.score(tape, hidden, at, new Head(head.weight(), logitSoftCap()), tokens)
                : ChangedHead.score(tape, hidden, at, head, logitSoftCap(), tokens);
    }

    /// Scores of every token of the vocabulary after some rows of hidden states.
    ///
    /// @param hidden `[rows, width]`
    /// @return       `[rows, vocab]`, in the computing type
    default Tensor logits(Tensor hidden) {
        return ChangedHead.logits(hidden, head(), logitSoftCap());
    }

    @Override
    void close();
}
