package dev.graft.export;

import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/// One tensor of the base and what all adapters together make of it.
///
/// Where the changes add up, some rows are computed at a time; methods that look at a whole change hold
/// one per adapter.
final class TensorMerge {
    /// Elements that are in memory in float32 at a time.
    private static final long BLOCK = 1 << 22;

    private final String name;
    private final MergeSettings settings;
    /// All adapters of the merge, with their numbers in it; those that leave this tensor alone are skipped.
    private final List<OpenedAdapter> adapters;
    private final List<Integer> changing = new ArrayList<>();

    TensorMerge(String name, MergeSettings settings, List<OpenedAdapter> adapters) {
        this.name = name;
        this.settings = settings;
        this.adapters = adapters;
        for (int i = 0; i < adapters.size(); i++) {
            if (adapters.get(i).changes().containsKey(name)) {
                changing.add(i);
            }
        }
    }

    /// Whether no adapter changes it.
    boolean isNothing() {
        return changing.isEmpty();
    }

    /// Some rows of `ΔW` and of `W + ΔW`, float32.
    private record Rows(Tensor delta, Tensor sum) {}

    private interface Source {
        Rows rows(Tensor base, long from);
    }

    /// `W + ΔW` rounded to a type.
    ///
    /// @param stored `W`
    Tensor rounded(Tensor stored, DType type, List<MergedTensor> report) {
        Tensor result = Tensor.empty(type, Device.cpu(), stored.shape());
        MergedTensor.Sums sums = new MergedTensor.Sums(name, type.name());
        try (Scope whole = Scope.open()) {
            Source source = source(stored);
            long step = Math.max(1, BLOCK / Math.max(1, stored.elements() / stored.size(0)));
            for (long from = 0; from < stored.size(0); from += step) {
                try (Scope scope = Scope.open()) {
                    long count = Math.min(step, stored.size(0) - from);
                    Tensor base = stored.narrow(0, from, count).to(DType.F32);
                    Rows rows = source.rows(base, from);
                    Tensor saved = rows.sum.to(type);
                    sums.add(
                            base, rows.delta, saved.to(DType.F32), base.to(type).to(DType.F32));
                    result.narrow(0, from, count).copyInPlace(saved);
                }
            }
        }
        report.add(sums.result());
        return result;
    }

    /// `W + ΔW` in float32.
    Tensor exact(Tensor stored) {
        Tensor base = stored.to(DType.F32);
        return isNothing() ? base : source(stored).rows(base, 0).sum;
    }

    private Source source(Tensor stored) {
        boolean whole =
                !addsUp() || changing.stream().anyMatch(i -> !adapters.get(i).goesByRows(name));
        if (!whole) {
            return this::rows;
        }
        Tensor base = stored.to(DType.F32);
        Rows all = addsUp() ? rows(base, 0) : added(base, combined(base));
        return (rows, from) -> new Rows(all.delta.narrow(0, from, rows.size(0)), all.sum.narrow(0, from, rows.size(0)));
    }

    private Rows rows(Tensor base, long from) {
        if (settings.isPlain()) {
            // what replaces a tensor is taken as it is: W + (new − W) would round it
            OpenedAdapter only = adapters.getFirst();
            return new Rows(
                    only.delta(name, base, from),
                    only.change(name).merged(base, from).contiguous());
        }
        return added(base, sum(base, from));
    }

    private static Rows added(Tensor base, Tensor delta) {
        return new Rows(delta, base.add(delta));
    }

    /// Whether the weighted changes are added; values that are brought whole, such as a head's, are not
    /// thinned out.
    private boolean addsUp() {
        return settings.method() == MergeMethod.LINEAR
                || changing.stream().anyMatch(i -> adapters.get(i).replaces(name));
    }

    private Tensor sum(Tensor base, long from) {
        Tensor sum = null;
        for (int i : changing) {
            Tensor delta = adapters.get(i)
                    .delta(name, base, from)
                    .mulInPlace(settings.weights().get(i));
            sum = sum == null ? delta : sum.addInPlace(delta);
        }
        return sum;
    }

    /// `ΔW` of all adapters together, whole.
    Tensor combined(Tensor base) {
        if (addsUp()) {
            return sum(base, 0);
        }
        List<Combination.Change> changes = new ArrayList<>();
        for (int i : changing) {
            changes.add(new Combination.Change(i, adapters.get(i).delta(name, base, 0)));
        }
        return new Combination(settings).of(name, changes);
    }
}
