package dev.graft.autograd;

import dev.graft.kernel.Kernels;
import dev.graft.tensor.DType;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.util.List;

/// The end of a language model: hidden states to the log-probability of one token each, a chunk of rows at a
/// time, so that `[tokens, vocab]` never exists whole.
///
/// Each log-probability depends on its own row alone, so for a frozen head the gradient of each row with
/// respect to its hidden state, `W[target] − Σ p·W`, is formed in the forward pass from the chunk's logits
/// while they are there; the backward pass only scales rows. A head that learns computes its logits once
/// more instead.
public final class TokenLogProbs {
    /// Logits that exist at one time.
    private static final long CHUNK_ELEMENTS = 1 << 25;

    private final Tape tape;
    private final Value hidden;
    private final long[] hiddenShape;
    private final Tensor rows;
    private final Head head;
    private final Tensor targets;
    private final Tensor picked;
    private final Tensor logSumExp;

    private TokenLogProbs(Tape tape, Value hidden, Tensor rows, Head head, Tensor targets) {
        this.tape = tape;
        this.hidden = hidden;
        this.hiddenShape = hidden.data().shape();
        this.rows = rows;
        this.head = head;
        this.targets = targets;
        this.picked = hidden.data().indexSelect(0, rows);
        this.logSumExp = Tensor.empty(DType.F32, picked.device(), picked.size(0));
    }

    /// @param hidden  `[tokens, width]`
    /// @param rows    int64 `[n]`, rows of `hidden`
    /// @param targets int64 `[n]`, a token id for each row
    /// @return        float32 `[n]`
    public static Value apply(Tape tape, Value hidden, Tensor rows, Head head, Tensor targets) {
        return inChunks(tape, hidden, rows, head, targets, chunk(hidden, head));
    }

    private static int chunk(Value hidden, Head head) {
        long vocab = head.weight().elements() / hidden.data().size(1);
        return Math.clamp(CHUNK_ELEMENTS / vocab, 32, 4096);
    }

    /// Log-probabilities without a way back, and how often the target was the likeliest token.
    public static Scores score(Tape tape, Tensor hidden, Tensor rows, Head head, Tensor targets) {
        Value constant = tape.constant(hidden);
        return new TokenLogProbs(tape, constant, rows, head, targets).score(chunk(constant, head));
    }

    /// @param logProbs float32 `[rows]`
    /// @param correct  rows whose target no other token beat
    public record Scores(Tensor logProbs, long correct) {}

    private Scores score(int chunk) {
        Tensor values = Tensor.empty(DType.F32, picked.device(), picked.size(0));
        Tensor correct = Tensor.zeros(DType.F32, picked.device(), 1);
        inChunks(chunk, (start, length) -> {
            Tensor logits = head.logits(picked.narrow(0, start, length));
            Tensor chunkTargets = targets.narrow(0, start, length);
            values.narrow(0, start, length)
                    .copyInPlace(tape.kernels().logProbs(logits, chunkTargets).values());
            Tensor own = logits.gather(1, chunkTargets.unsqueeze(1));
            correct.addInPlace(own.ge(logits.amax(1, true)).to(DType.F32).sum());
        });
        return new Scores(values, (long) correct.item());
    }

    /// The same with at most `chunk` rows of logits at one time.
    static Value inChunks(Tape tape, Value hidden, Tensor rows, Head head, Tensor targets, int chunk) {
        return new TokenLogProbs(tape, hidden, rows, head, targets).run(chunk);
    }

    private Value run(int chunk) {
        boolean wanted = tape.wants(List.of(hidden), List.of(head.weight()));
        boolean keepUnit = wanted && !head.weight().isTrainable();
        Tensor values = Tensor.empty(DType.F32, picked.device(), picked.size(0));
        Tensor unit = Tensor.empty(picked.dtype(), picked.device(), keepUnit ? picked.size(0) : 0, picked.size(1));
        inChunks(chunk, (start, length) -> {
            Tensor logits = head.logits(picked.narrow(0, start, length));
            Tensor chunkTargets = targets.narrow(0, start, length);
            Kernels.LogProbs result = tape.kernels().logProbs(logits, chunkTargets);
            values.narrow(0, start, length).copyInPlace(result.values());
            logSumExp.narrow(0, start, length).copyInPlace(result.logSumExp());
            if (keepUnit) {
                Tensor ones = Tensor.full(1, DType.F32, logits.device(), length);
                Tensor dProduct = backThroughLogits(logits, chunkTargets, result.logSumExp(), ones);
                unit.narrow(0, start, length).copyInPlace(head.weight().addBackProduct(null, dProduct));
            }
        });
        if (keepUnit) {
            return tape.record(
                    true,
                    values,
                    List.of(rows, unit),
                    dY -> spread(unit.mul(dY.unsqueeze(1)).to(unit.dtype())));
        }
        return tape.record(wanted, values, List.of(rows, targets, picked, logSumExp), dY -> backThroughHead(dY, chunk));
    }

    private void backThroughHead(Tensor dY, int chunk) {
        Tensor dPicked = Tensor.empty(picked.dtype(), picked.device(), picked.shape());
        inChunks(chunk, (start, length) -> {
            Tensor x = picked.narrow(0, start, length);
            Tensor dProduct = backThroughLogits(
                    head.logits(x),
                    targets.narrow(0, start, length),
                    logSumExp.narrow(0, start, length),
                    dY.narrow(0, start, length));
            head.weight().accumulate(dProduct.t().mm(x));
            if (hidden.wantsGradient()) {
                dPicked.narrow(0, start, length).copyInPlace(head.weight().addBackProduct(null, dProduct));
            }
        });
        if (hidden.wantsGradient()) {
            spread(dPicked);
        }
    }

    /// The gradient of weighted log-probabilities with respect to the product of hidden states and the
    /// head's weight.
    ///
    /// @param logits used up
    private Tensor backThroughLogits(Tensor logits, Tensor chunkTargets, Tensor sums, Tensor weights) {
        if (head.softCap() == 0) {
            tape.kernels().logProbsBackwardInPlace(logits, chunkTargets, sums, weights);
            return logits;
        }
        Tensor slope = head.slope(logits);
        tape.kernels().logProbsBackwardInPlace(logits, chunkTargets, sums, weights);
        return slope.mul(logits).to(logits.dtype());
    }

    /// Adds rows back to where they were picked from.
    private void spread(Tensor gradient) {
        hidden.accumulate(
                Tensor.zeros(gradient.dtype(), gradient.device(), hiddenShape).indexAddInPlace(0, rows, gradient));
    }

    private void inChunks(int chunk, Chunk work) {
        long n = picked.size(0);
        for (long start = 0; start < n; start += chunk) {
            try (Scope scope = Scope.open()) {
                work.run(start, Math.min(chunk, n - start));
            }
        }
    }

    private interface Chunk {
        void run(long start, long length);
    }
}
