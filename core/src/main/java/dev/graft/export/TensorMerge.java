package dev.graft.export;

import dev.graft.peft.TensorChange;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/// One tensor of the base and what all adapters together make of it.
///
/// Where every change is a product of factors and they only add up, some rows are computed at a time; otherwise the
/// change is held whole.
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
        MergedTensor.Sums sums = new MergedTensor.Sums(name, type);
        try (Scope whole = Scope.open()) {
            Source source = source(stored);
            long step = Math.max(1, BLOCK / Math.max(1, stored.elements() / stored.size(0)));
            for (long from = 0; from < stored.size(0); from += step) {
                try (Scope scope = Scope.open()) {
                    long count = Math.min(step, stored.size(0) - from);
                    Tensor base = stored.narrow(0, from, count).to(DType.F32);
                    Rows rows = source.rows(base, from);
                    Tensor saved = rows.sum.to(type);
                    sums.add(base, rows.delta, saved.to(DType.F32), base.to(type).to(DType.F32));
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
        boolean byRows = settings.method() == MergeMethod.LINEAR
                && changing.stream().allMatch(i -> adapters.get(i).product(name).isPresent());
        if (byRows) {
            return this::product;
        }
        Tensor base = stored.to(DType.F32);
        Tensor sum = settings.isPlain() ? change(0).merged(base, 0) : null;
        Tensor delta = sum != null ? sum.sub(base) : combined(base);
        return (rows, from) -> {
            Tensor part = delta.narrow(0, from, rows.size(0));
            return new Rows(part, sum != null ? sum.narrow(0, from, rows.size(0)).contiguous() : rows.add(part));
        };
    }

    private Rows product(Tensor base, long from) {
        Tensor delta = null;
        for (int i : changing) {
            Tensor own = adapters.get(i).rows(name, from, base.size(0)).mulInPlace(weight(i));
            delta = delta == null ? own : delta.addInPlace(own);
        }
        return new Rows(delta, base.add(delta));
    }

    /// `ΔW` of all adapters together, whole.
    Tensor combined(Tensor base) {
        List<Combination.Change> changes = new ArrayList<>();
        boolean replaced = false;
        for (int i : changing) {
            changes.add(new Combination.Change(i, adapters.get(i).delta(name, base)));
            replaced |= adapters.get(i).replaces(name);
        }
        // values that are brought whole, such as a head's, are weighted but not thinned out
        return new Combination(replaced ? settings.asLinear() : settings).of(name, changes);
    }

    private TensorChange change(int adapter) {
        return adapters.get(adapter).change(name);
    }

    private double weight(int adapter) {
        return settings.weights().get(adapter);
    }
}
