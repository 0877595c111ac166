package dev.graft.autograd;

import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.IntStream;

/// Rows of a table picked by token, with or without learnt changes: `y = table[ids] + s·Aᵀ[ids]·Bᵀ`, and
/// `g ⊙` of that where the change has a [Magnitude] (of the table's columns). Dropout plays no part
/// here, as in PEFT.
///
/// @param table    `[vocab, width]`
/// @param change   `A` is `[rank, vocab]`, `B` is `[width, rank]`
/// @param replaced rows that stand in place of the table's own
public record Embedding(Weight table, Optional<LowRank> change, Optional<ReplacedRows> replaced) {
    public Embedding {
        if (change.isPresent() && replaced.isPresent()) {
            throw new IllegalArgumentException("a table has low-rank changes or replaced rows, not both");
        }
    }

    /// A table as it is.
    public static Embedding of(Weight table) {
        return new Embedding(table, Optional.empty(), Optional.empty());
    }

    /// @param ids     int64 `[tokens]`
    /// @param padding the id whose row gets no gradient, be it the table's, a column of `A` or a row that
    ///                stands in its place: PyTorch's `padding_idx`
    /// @return        `[tokens, width]`
    public static Value apply(Tape tape, Embedding embedding, Tensor ids, OptionalInt padding) {
        if (embedding.change.isPresent()) {
            return embedding.changed(tape, embedding.change.get(), ids, padding);
        }
        if (embedding.replaced.isPresent()) {
            return embedding.replaced(tape, embedding.replaced.get(), ids, padding);
        }
        return Operations.embedding(tape, embedding.table, ids, padding);
    }

    private Value changed(Tape tape, LowRank low, Tensor ids, OptionalInt padding) {
        Tensor own = table.rows(ids);
        Tensor u = low.a().value().indexSelect(1, ids).t();
        Tensor unscaled = own.addmmInPlace(u, low.b().value().t(), low.scale());
        Tensor result = low.magnitude().map(m -> unscaled.mul(m.gain())).orElse(unscaled);
        List<Weight> weights = new ArrayList<>(List.of(table, low.a(), low.b()));
        low.magnitude().ifPresent(m -> weights.add(m.sizes()));
        long vocab = low.a().elements() / u.size(1);
        return tape.record(tape.wants(List.of(), weights), result, List.of(ids, u, unscaled), dY -> {
            low.magnitude().ifPresent(m -> m.accumulate(dY, unscaled));
            Tensor dZ = low.magnitude().map(m -> dY.mul(m.gain())).orElse(dY);
            if (low.b().isTrainable()) {
                low.b().accumulate(dZ.t().mm(u).mul(low.scale()));
            }
            if (low.a().isTrainable()) {
                Tensor dU = dZ.mm(low.b().value()).mul(low.scale()).to(DType.F32);
                low.a().accumulate(dU.embeddingBackward(ids, vocab, padding).t());
            }
            if (table.isTrainable()) {
                accumulate(dZ, ids, padding);
            }
        });
    }

    private Value replaced(Tape tape, ReplacedRows rows, Tensor ids, OptionalInt padding) {
        long[] index = rows.index().toLongs();
        OptionalInt paddingSlot = IntStream.range(0, index.length)
                .filter(slot -> padding.isPresent() && index[slot] == padding.getAsInt())
                .findFirst();
        Tensor own = table.rows(ids);
        List<long[]> found = places(index, ids.toLongs());
        Device device = ids.device();
        Tensor at = Tensor.of(found.get(0), found.get(0).length).to(device);
        Tensor which = Tensor.of(found.get(1), found.get(1).length).to(device);
        own.indexCopyInPlace(0, at, rows.values().value().indexSelect(0, which));
        boolean wanted = tape.wants(List.of(), List.of(table, rows.values()));
        return tape.record(wanted, own, List.of(ids, at, which), dY -> {
            if (rows.values().isTrainable()) {
                Tensor part = dY.indexSelect(0, at).to(DType.F32);
                rows.values().accumulate(part.embeddingBackward(which, index.length, paddingSlot));
            }
            if (table.isTrainable()) {
                Tensor rest = dY.copy();
                rest.indexCopyInPlace(0, at, Tensor.zeros(dY.dtype(), device, at.elements(), dY.size(1)));
                accumulate(rest, ids, padding);
            }
        });
    }

    private void accumulate(Tensor dY, Tensor ids, OptionalInt padding) {
        table.accumulate(dY.to(DType.F32).embeddingBackward(ids, table.value().size(0), padding));
    }

    /// Where tokens stand whose row is replaced, and by which of the replacements.
    private static List<long[]> places(long[] index, long[] ids) {
        long[] at = new long[ids.length];
        long[] which = new long[ids.length];
        int n = 0;
        Map<Long, Integer> slots = new HashMap<>();
        for (int i = 0; i < index.length; i++) {
            slots.put(index[i], i);
        }
        for (int i = 0; i < ids.length; i++) {
            Integer slot = slots.get(ids[i]);
            if (slot != null) {
                at[n] = i;
                which[n++] = slot;
            }
        }
        return List.of(Arrays.copyOf(at, n), Arrays.copyOf(which, n));
    }
}
