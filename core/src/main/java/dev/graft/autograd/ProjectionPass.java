package dev.graft.autograd;

import dev.graft.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// One forward pass over projections of a common input, and the way back.
final class ProjectionPass {
    /// One low-rank change at work: whose output it changes, and where its `U` begins in the shared product.
    private record Active(LowRank change, int output, int offset, int rank) {}

    private final Tape tape;
    private final Value x;
    private final List<Projection> projections;
    /// Changes whose input is `x` itself; their `A` are stacked into one matrix.
    private final List<Active> shared = new ArrayList<>();
    /// Changes that see `x` after dropout, each with its own product.
    private final List<Active> dropped = new ArrayList<>();
    private int sharedRank;

    ProjectionPass(Tape tape, Value x, List<Projection> projections) {
        this.tape = tape;
        this.x = x;
        this.projections = projections;
        for (int i = 0; i < projections.size(); i++) {
            for (LowRank change : projections.get(i).changes()) {
                int rank = (int) change.a().value().size(0);
                if (change.dropout() > 0 && tape.isRecording()) {
                    dropped.add(new Active(change, i, 0, rank));
                } else {
                    shared.add(new Active(change, i, sharedRank, rank));
                    sharedRank += rank;
                }
            }
        }
    }

    /// What the way back needs of the forward pass.
    ///
    /// @param u        product of the shared changes, or `null`
    /// @param ownU     products of the dropped ones
    /// @param unscaled by output: what `W + ΔW` gave where it has a magnitude, or `null`
    private record Saved(Tensor u, List<Tensor> ownU, Tensor[] unscaled) {
        List<Tensor> all(Tensor input) {
            List<Tensor> all = new ArrayList<>(List.of(input));
            if (u != null) {
                all.add(u);
            }
            all.addAll(ownU);
            for (Tensor one : unscaled) {
                if (one != null) {
                    all.add(one);
                }
            }
            return all;
        }
    }

    List<Value> run() {
        List<Weight> weights = new ArrayList<>();
        projections.forEach(p -> weights.addAll(p.weights()));
        boolean wanted = tape.wants(List.of(x), weights);

        List<Tensor> results = new ArrayList<>();
        for (Projection p : projections) {
            results.add(p.weight().product(x.data(), tape.isRecording()));
        }
        Saved saved = new Saved(
                shared.isEmpty() ? null : x.data().mm(stackedA(shared).t()),
                new ArrayList<>(),
                new Tensor[projections.size()]);
        for (Active active : shared) {
            addShared(results, active, saved);
        }
        for (Active active : dropped) {
            addDropped(results, active, saved);
        }
        for (int i = 0; i < projections.size(); i++) {
            finish(projections.get(i), results.get(i));
        }
        return tape.recordAll(wanted, results, saved.all(x.data()), gradients -> back(gradients, saved));
    }

    private void addShared(List<Tensor> results, Active active, Saved saved) {
        LowRank change = active.change;
        Tensor y = results.get(active.output);
        y.addmmInPlace(
                saved.u.narrow(1, active.offset, active.rank),
                change.b().value().t(),
                change.scale());
        change.magnitude().ifPresent(magnitude -> {
            saved.unscaled[active.output] = y;
            results.set(active.output, y.mul(magnitude.gain()));
        });
    }

    private void addDropped(List<Tensor> results, Active active, Saved saved) {
        LowRank change = active.change;
        Tensor input = droppedInput(active);
        Tensor u = input.mm(change.a().value().t());
        saved.ownU.add(u);
        Tensor y = results.get(active.output);
        if (change.magnitude().isEmpty()) {
            y.addmmInPlace(u, change.b().value().t(), change.scale());
            return;
        }
        Tensor base = input.mm(projections.get(active.output).weight().value().t());
        y.addInPlace(base, -1);
        Tensor unscaled = base.addmmInPlace(u, change.b().value().t(), change.scale());
        saved.unscaled[active.output] = unscaled;
        y.addInPlace(unscaled.mul(change.magnitude().get().gain()));
    }

    private void finish(Projection p, Tensor y) {
        for (LowRank change : p.changes()) {
            change.bias().ifPresent(bias -> y.addInPlace(bias.value(), change.scale()));
        }
        p.replaced()
                .ifPresent(rows -> y.indexCopyInPlace(
                        1, rows.index(), x.data().mm(rows.values().value().t())));
        p.bias().ifPresent(bias -> y.addInPlace(bias.value()));
    }

    private static Tensor stackedA(List<Active> changes) {
        List<Tensor> factors =
                changes.stream().map(active -> active.change.a().value()).toList();
        return factors.size() == 1 ? factors.getFirst() : Tensor.cat(factors, 0);
    }

    private Tensor droppedInput(Active active) {
        return dropped(x.data(), active);
    }

    private Tensor dropped(Tensor values, Active active) {
        return tape.kernels().dropout(values, active.change.dropout(), tape.seedOf(active.change.id()));
    }

    // ---------------------------------------------------------------- the way back

    private void back(List<Tensor> dY, Saved saved) {
        Tensor dX = null;
        List<Tensor> reduced = new ArrayList<>(dY);
        for (int i = 0; i < projections.size(); i++) {
            if (dY.get(i) != null) {
                dX = backThroughReplaced(i, reduced, dX);
                backThroughBiases(projections.get(i), dY.get(i), reduced.get(i));
            }
        }
        List<Tensor> scaled = backThroughMagnitudes(reduced, saved);
        for (int i = 0; i < projections.size(); i++) {
            if (dY.get(i) != null) {
                dX = backThroughBase(projections.get(i), scaled.get(i), dX);
            }
        }
        dX = backThroughShared(scaled, saved.u, dX);
        for (int i = 0; i < dropped.size(); i++) {
            dX = backThroughDropped(dropped.get(i), reduced.get(dropped.get(i).output), saved.ownU.get(i), dX);
        }
        if (dX != null) {
            x.accumulate(dX);
        }
    }

    /// The gradient of replaced rows goes to what replaces them; nothing of it reaches the rest.
    private Tensor backThroughReplaced(int i, List<Tensor> dY, Tensor dX) {
        Optional<ReplacedRows> replaced = projections.get(i).replaced();
        if (replaced.isEmpty()) {
            return dX;
        }
        Tensor index = replaced.get().index();
        Weight values = replaced.get().values();
        Tensor own = dY.get(i).indexSelect(1, index);
        if (values.isTrainable()) {
            accumulateProduct(values, own.t(), x.data());
        }
        Tensor rest = dY.get(i).copy();
        rest.indexCopyInPlace(1, index, Tensor.zeros(own.dtype(), own.device(), own.shape()));
        dY.set(i, rest);
        return x.wantsGradient() ? plus(dX, own, values.value()) : dX;
    }

    private static void backThroughBiases(Projection p, Tensor dY, Tensor reduced) {
        p.bias().filter(Weight::isTrainable).ifPresent(bias -> bias.accumulate(dY.sum(0, false)));
        for (LowRank change : p.changes()) {
            change.bias()
                    .filter(Weight::isTrainable)
                    .ifPresent(bias -> bias.accumulate(reduced.sum(0, false).mul(change.scale())));
        }
    }

    /// Gradients of what `x·(W + ΔW)ᵀ` gave, and of the magnitudes themselves.
    private List<Tensor> backThroughMagnitudes(List<Tensor> dY, Saved saved) {
        List<Tensor> scaled = new ArrayList<>(dY);
        for (Active active : shared) {
            Tensor gradient = dY.get(active.output);
            if (gradient != null && active.change.magnitude().isPresent()) {
                Magnitude magnitude = active.change.magnitude().get();
                magnitude.accumulate(gradient, saved.unscaled[active.output]);
                scaled.set(active.output, gradient.mul(magnitude.gain()));
            }
        }
        for (Active active : dropped) {
            Tensor gradient = dY.get(active.output);
            if (gradient != null) {
                active.change.magnitude().ifPresent(m -> m.accumulate(gradient, saved.unscaled[active.output]));
            }
        }
        return scaled;
    }

    private Tensor backThroughBase(Projection p, Tensor dY, Tensor dX) {
        if (p.weight().isTrainable()) {
            accumulateProduct(p.weight(), dY.t(), x.data());
        }
        return x.wantsGradient() ? p.weight().addBackProduct(dX, dY) : dX;
    }

    private Tensor backThroughShared(List<Tensor> dY, Tensor u, Tensor dX) {
        List<Active> reached =
                shared.stream().filter(a -> dY.get(a.output) != null).toList();
        if (reached.isEmpty()) {
            return dX;
        }
        List<Tensor> parts = new ArrayList<>();
        for (Active active : reached) {
            Tensor gradient = dY.get(active.output);
            accumulateB(active.change, u.narrow(1, active.offset, active.rank), gradient);
            parts.add(gradient.mm(active.change.b().value()).mulInPlace(active.change.scale()));
        }
        Tensor v = parts.size() == 1 ? parts.getFirst() : Tensor.cat(parts, 1);
        if (reached.stream().anyMatch(a -> a.change.a().isTrainable())) {
            Tensor dA = v.t().mm(x.data());
            long row = 0;
            for (Active active : reached) {
                if (active.change.a().isTrainable()) {
                    active.change.a().accumulate(dA.narrow(0, row, active.rank));
                }
                row += active.rank;
            }
        }
        return x.wantsGradient() ? plus(dX, v, stackedA(reached)) : dX;
    }

    private Tensor backThroughDropped(Active active, Tensor dY, Tensor u, Tensor dX) {
        if (dY == null) {
            return dX;
        }
        LowRank change = active.change;
        Optional<Tensor> gain = change.magnitude().map(Magnitude::gain);
        Tensor scaled = gain.map(dY::mul).orElse(dY);
        accumulateB(change, u, scaled);
        Tensor v = scaled.mm(change.b().value()).mulInPlace(change.scale());
        if (change.a().isTrainable()) {
            accumulateProduct(change.a(), v.t(), droppedInput(active));
        }
        if (!x.wantsGradient()) {
            return dX;
        }
        Tensor inside = v.mm(change.a().value());
        if (gain.isPresent()) {
            // the base saw the dropped input too, but for once whole
            inside.addmmInPlace(
                    scaled.sub(dY), projections.get(active.output).weight().value(), 1);
        }
        Tensor part = dropped(inside, active);
        return dX == null ? part : dX.addInPlace(part);
    }

    /// `dB = s · dYᵀ·U`, computed as the transpose of `Uᵀ·dY`: the wide side last is the faster product.
    private static void accumulateB(LowRank change, Tensor u, Tensor dY) {
        if (change.b().isTrainable()) {
            change.b().accumulate(u.t().mm(dY).t().mul(change.scale()));
        }
    }

    private static void accumulateProduct(Weight weight, Tensor a, Tensor b) {
        if (weight instanceof Parameter parameter) {
            parameter.accumulateProduct(a, b);
        } else {
            weight.accumulate(a.mm(b));
        }
    }

    private static Tensor plus(Tensor sum, Tensor a, Tensor b) {
        return sum == null ? a.mm(b) : sum.addmmInPlace(a, b, 1);
    }
}
