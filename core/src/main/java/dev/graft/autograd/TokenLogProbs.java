package dev.graft.autograd;

import dev.graft.kernel.Kernels;
import dev.graft.tensor.DType;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/// The end of a language model: hidden states to the log-probability of one token each, a chunk of rows at a time, so
/// that `[tokens, vocab]` never exists whole.
///
/// Each log-probability depends on its own row alone, so for a frozen head the gradient of each row with respect to its
/// hidden state, `W[target] − Σ p·W`, is formed in the forward pass from the chunk's logits while they are there; the
/// backward pass only scales rows. A head that learns computes its logits once more instead.
public final class TokenLogProbs {
    /// Logits that exist at one time.
    private static final long CHUNK_ELEMENTS = 1 << 25;

    private TokenLogProbs() {}

    /// @param hidden  `[tokens, width]`
    /// @param rows    int64 `[n]`, rows of `hidden`, each at most once
    /// @param head    `[vocab, width]`
    /// @param targets int64 `[n]`, a token id for each row
    /// @return        float32 `[n]`
    public static Value apply(Tape tape, Value hidden, Tensor rows, Weight head, Tensor targets) {
        boolean wanted = tape.wants(List.of(hidden), List.of(head));
        boolean keepUnit = wanted && !head.isTrainable();
        Kernels kernels = tape.kernels();
        Tensor weight = head.value();
        long n = rows.elements();
        Tensor picked = hidden.data().indexSelect(0, rows);
        Tensor values = Tensor.empty(DType.F32, picked.device(), n);
        Tensor logSumExp = Tensor.empty(DType.F32, picked.device(), n);
        Tensor unit = keepUnit
                ? Tensor.empty(picked.dtype(), picked.device(), n, picked.size(1))
                : Tensor.empty(picked.dtype(), picked.device(), 0, 0);
        for (long start = 0, step = chunk(weight.size(0)); start < n; start += step) {
            long length = Math.min(step, n - start);
            try (Scope scope = Scope.open()) {
                Tensor logits = picked.narrow(0, start, length).mm(weight.t());
                Tensor chunkTargets = targets.narrow(0, start, length);
                Kernels.LogProbs result = kernels.logProbs(logits, chunkTargets);
                values.narrow(0, start, length).copyInPlace(result.values());
                logSumExp.narrow(0, start, length).copyInPlace(result.logSumExp());
                if (keepUnit) {
                    Tensor ones = Tensor.full(1, DType.F32, logits.device(), length);
                    kernels.logProbsBackwardInPlace(logits, chunkTargets, result.logSumExp(), ones);
                    unit.narrow(0, start, length).copyInPlace(logits.mm(weight));
                }
            }
        }
        List<Tensor> saved = new ArrayList<>(List.of(rows, targets));
        if (keepUnit) {
            saved.add(unit);
            return tape.record(true, values, saved, dY -> {
                Tensor scaled = unit.mul(dY.unsqueeze(1)).to(unit.dtype());
                hidden.accumulate(spread(hidden, rows, scaled));
            });
        }
        saved.add(picked);
        saved.add(logSumExp);
        return tape.record(
                wanted,
                values,
                saved,
                dY -> backTrainable(kernels, hidden, rows, head, targets, picked, logSumExp, dY));
    }

    /// Log-probabilities without a way back, and how often the target was the likeliest token.
    public static Scores score(Tape tape, Tensor hidden, Tensor rows, Weight head, Tensor targets) {
        Tensor weight = head.value();
        long n = rows.elements();
        Tensor values = Tensor.empty(DType.F32, hidden.device(), n);
        long correct = 0;
        for (long start = 0, step = chunk(weight.size(0)); start < n; start += step) {
            long length = Math.min(step, n - start);
            try (Scope scope = Scope.open()) {
                Tensor logits =
                        hidden.indexSelect(0, rows.narrow(0, start, length)).mm(weight.t());
                Tensor chunkTargets = targets.narrow(0, start, length);
                values.narrow(0, start, length)
                        .copyInPlace(tape.kernels().logProbs(logits, chunkTargets).values());
                Tensor own = logits.gather(1, chunkTargets.unsqueeze(1));
                correct += (long) own.ge(logits.amax(1, true)).to(DType.F32).sum().item();
            }
        }
        return new Scores(values, correct);
    }

    /// @param logProbs float32 `[rows]`
    /// @param correct  rows whose target no other token beat
    public record Scores(Tensor logProbs, long correct) {}

    private static void backTrainable(
            Kernels kernels,
            Value hidden,
            Tensor rows,
            Weight head,
            Tensor targets,
            Tensor picked,
            Tensor logSumExp,
            Tensor dY) {
        Tensor weight = head.value();
        long n = rows.elements();
        Tensor dPicked = Tensor.empty(picked.dtype(), picked.device(), picked.shape());
        for (long start = 0, step = chunk(weight.size(0)); start < n; start += step) {
            long length = Math.min(step, n - start);
            try (Scope scope = Scope.open()) {
                Tensor x = picked.narrow(0, start, length);
                Tensor logits = x.mm(weight.t());
                kernels.logProbsBackwardInPlace(
                        logits,
                        targets.narrow(0, start, length),
                        logSumExp.narrow(0, start, length),
                        dY.narrow(0, start, length));
                head.accumulate(logits.t().mm(x));
                dPicked.narrow(0, start, length).copyInPlace(logits.mm(weight));
            }
        }
        if (hidden.wantsGradient()) {
            hidden.accumulate(spread(hidden, rows, dPicked));
        }
    }

    /// Rows back to where they were picked from, zero elsewhere.
    private static Tensor spread(Value hidden, Tensor rows, Tensor gradient) {
        Tensor data = hidden.data();
        return Tensor.zeros(gradient.dtype(), gradient.device(), data.shape()).indexAddInPlace(0, rows, gradient);
    }

    private static long chunk(long vocab) {
        return Math.clamp(CHUNK_ELEMENTS / vocab, 32, 4096);
    }
}
