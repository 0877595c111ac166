package dev.graft.autograd;

import dev.graft.kernel.Kernels;
import dev.graft.tensor.DType;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/// [TokenLogProbs] for an output embedding that is more than a matrix (adapted, or with rows of its
/// own): a chunk of rows at a time, each computed again on the way back, so that here too `[tokens,
/// vocab]` never exists whole.
public final class ChangedHead {
    private static final long CHUNK_ELEMENTS = 1 << 25;

    private ChangedHead() {}

    /// @param hidden  `[tokens, width]`
    /// @param rows    int64 `[n]`, rows of `hidden`
    /// @param head    `[vocab, width]`
    /// @param softCap what logits are capped at, as in [Head]; 0 for not at all
    /// @param targets int64 `[n]`, a token id for each row
    /// @return        float32 `[n]`
    public static Value logProbs(
            Tape tape, Value hidden, Tensor rows, Projection head, double softCap, Tensor targets) {
        return inChunks(tape, hidden, rows, head, softCap, targets, chunk(head, hidden.data()));
    }

    /// The same with at most `chunk` rows of logits at one time.
    static Value inChunks(
            Tape tape, Value hidden, Tensor rows, Projection head, double softCap, Tensor targets, int chunk) {
        List<Value> parts = new ArrayList<>();
        long n = rows.size(0);
        for (long start = 0; start < n || parts.isEmpty(); start += chunk) {
            long length = Math.min(chunk, n - start);
            Tensor chunkRows = rows.narrow(0, start, length);
            Tensor chunkTargets = targets.narrow(0, start, length);
            parts.add(tape.recompute(hidden, (t, h) -> {
                Value logits = Projection.apply(t, picked(t, h, chunkRows), head);
                return logProbs(t, capped(t, logits, softCap), chunkTargets);
            }));
        }
        return joined(tape, parts);
    }

    /// Log-probabilities without a way back, and how often the target was the likeliest token.
    public static TokenLogProbs.Scores score(
            Tape tape, Tensor hidden, Tensor rows, Projection head, double softCap, Tensor targets) {
        long n = rows.size(0);
        int chunk = chunk(head, hidden);
        Tensor values = Tensor.empty(DType.F32, hidden.device(), n);
        Tensor correct = Tensor.zeros(DType.F32, hidden.device(), 1);
        for (long start = 0; start < n; start += chunk) {
            long length = Math.min(chunk, n - start);
            try (Scope scope = Scope.open()) {
                Tensor picked = hidden.indexSelect(0, rows.narrow(0, start, length));
                Tensor logits = Head.capped(
                        Projection.apply(tape, tape.constant(picked), head).data(), softCap);
                Tensor chunkTargets = targets.narrow(0, start, length);
                values.narrow(0, start, length)
                        .copyInPlace(
                                tape.kernels().logProbs(logits, chunkTargets).values());
                Tensor own = logits.gather(1, chunkTargets.unsqueeze(1));
                correct.addInPlace(own.ge(logits.amax(1, true)).to(DType.F32).sum());
            }
        }
        return new TokenLogProbs.Scores(values, (long) correct.item());
    }

    /// Scores of every token of the vocabulary after some rows of hidden states.
    ///
    /// @param hidden `[rows, width]`
    /// @return       `[rows, vocab]`, in the computing type
    public static Tensor logits(Tensor hidden, Projection head, double softCap) {
        try (Tape tape = Tape.silent(hidden.device())) {
            return Head.capped(
                    Projection.apply(tape, tape.constant(hidden), head).data(), softCap);
        }
    }

    private static int chunk(Projection head, Tensor hidden) {
        long vocab = head.weight().elements() / hidden.size(1);
        return Math.clamp(CHUNK_ELEMENTS / vocab, 32, 4096);
    }

    private static Value picked(Tape tape, Value hidden, Tensor rows) {
        long[] shape = hidden.data().shape();
        return tape.record(
                tape.wants(List.of(hidden), List.of()),
                hidden.data().indexSelect(0, rows),
                List.of(rows),
                dY -> hidden.accumulate(
                        Tensor.zeros(dY.dtype(), dY.device(), shape).indexAddInPlace(0, rows, dY)));
    }

    private static Value capped(Tape tape, Value logits, double softCap) {
        if (softCap == 0) {
            return logits;
        }
        Tensor capped = Head.capped(logits.data(), softCap);
        return tape.record(
                tape.wants(List.of(logits), List.of()),
                capped,
                List.of(capped),
                dY -> logits.accumulate(Head.slope(capped, softCap).mul(dY).to(dY.dtype())));
    }

    private static Value logProbs(Tape tape, Value logits, Tensor targets) {
        Kernels.LogProbs result = tape.kernels().logProbs(logits.data(), targets);
        Tensor logSumExp = result.logSumExp();
        List<Tensor> saved = List.of(logits.data(), targets, logSumExp);
        return tape.record(tape.wants(List.of(logits), List.of()), result.values(), saved, dY -> {
            Tensor gradient = logits.data().copy();
            tape.kernels().logProbsBackwardInPlace(gradient, targets, logSumExp, dY);
            logits.accumulate(gradient);
        });
    }

    private static Value joined(Tape tape, List<Value> parts) {
        if (parts.size() == 1) {
            return parts.getFirst();
        }
        Tensor all = Tensor.cat(parts.stream().map(Value::data).toList(), 0);
        return tape.record(tape.wants(parts, List.of()), all, List.of(), dY -> {
            long start = 0;
            for (Value part : parts) {
                long length = part.data().size(0);
                part.accumulate(dY.narrow(0, start, length));
                start += length;
            }
        });
    }
}
