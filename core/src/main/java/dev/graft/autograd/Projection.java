package dev.graft.autograd;

import dev.graft.kernel.Kernels;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// A linear map of rows, `y = x·Wᵀ + bias + Σ scale·(dropout(x)·Aᵀ)·Bᵀ`, with or without learnt low-rank changes.
///
/// ```text
/// forward    U = x·Aᵀ        y = x·Wᵀ + s·U·Bᵀ            (neither B·A nor a full dW is ever formed)
/// backward   V = s·dY·B      dB = s·dYᵀ·U   dA = Vᵀ·x   dX = dY·W + V·A
/// ```
///
/// @param weight `[out, in]`
/// @param bias   `[out]`
public record Projection(Weight weight, Optional<Weight> bias, List<LowRank> changes) {
    public Projection {
        changes = List.copyOf(changes);
    }

    /// Applies one projection.
    ///
    /// @param x `[rows, in]`
    /// @return  `[rows, out]`
    public static Value apply(Tape tape, Value x, Projection projection) {
        return applyAll(tape, x, List.of(projection)).getFirst();
    }

    /// Applies several projections to the same input; low-rank changes without dropout share one product with it.
    public static List<Value> applyAll(Tape tape, Value x, List<Projection> projections) {
        return new Pass(tape, x, projections).run();
    }

    private List<Weight> weights() {
        List<Weight> all = new ArrayList<>();
        all.add(weight);
        bias.ifPresent(all::add);
        changes.forEach(c -> {
            all.add(c.a());
            all.add(c.b());
        });
        return all;
    }

    /// One low-rank change at work: the input it saw and `U`.
    private record Active(LowRank change, int output, int offset, int rank) {}

    /// One forward pass over a group, and the way back.
    private static final class Pass {
        private final Tape tape;
        private final Value x;
        private final List<Projection> projections;
        /// Changes whose input is `x` itself; their `A` are stacked into one matrix.
        private final List<Active> shared = new ArrayList<>();
        /// Changes that see `x` after dropout, each with its own product.
        private final List<Active> dropped = new ArrayList<>();
        private int sharedRank;

        Pass(Tape tape, Value x, List<Projection> projections) {
            this.tape = tape;
            this.x = x;
            this.projections = projections;
            for (int i = 0; i < projections.size(); i++) {
                for (LowRank change : projections.get(i).changes) {
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

        List<Value> run() {
            List<Weight> weights = new ArrayList<>();
            projections.forEach(p -> weights.addAll(p.weights()));
            boolean wanted = tape.wants(List.of(x), weights);

            List<Tensor> results = new ArrayList<>();
            for (Projection p : projections) {
                Tensor y = Scope.local(() -> x.data().mm(p.weight.value().t()));
                p.bias.ifPresent(bias -> y.addInPlace(bias.value()));
                results.add(y);
            }
            List<Tensor> saved = new ArrayList<>(List.of(x.data()));
            Tensor u = null;
            if (!shared.isEmpty()) {
                u = x.data().mm(stackedA().t());
                saved.add(u);
                for (Active active : shared) {
                    addChange(results, active, u.narrow(1, active.offset, active.rank));
                }
            }
            for (Active active : dropped) {
                Tensor own = droppedInput(active).mm(active.change.a().value().t());
                saved.add(own);
                addChange(results, active, own);
            }
            Tensor sharedU = u;
            List<Tensor> ownU = saved.subList(saved.size() - dropped.size(), saved.size());
            return tape.recordAll(wanted, results, saved, gradients -> back(gradients, sharedU, ownU));
        }

        private void addChange(List<Tensor> results, Active active, Tensor u) {
            LowRank change = active.change;
            results.get(active.output).addmmInPlace(u, change.b().value().t(), change.scale());
        }

        private Tensor stackedA() {
            List<Tensor> factors =
                    shared.stream().map(active -> active.change.a().value()).toList();
            return factors.size() == 1 ? factors.getFirst() : Tensor.cat(factors, 0);
        }

        private Tensor droppedInput(Active active) {
            return tape.kernels().dropout(x.data(), active.change.dropout(), tape.seedOf(active.change.id()));
        }

        private void back(List<Tensor> dY, Tensor sharedU, List<Tensor> ownU) {
            Tensor dX = null;
            for (int i = 0; i < projections.size(); i++) {
                if (dY.get(i) != null) {
                    dX = backThroughBase(projections.get(i), dY.get(i), dX);
                }
            }
            dX = backThroughShared(dY, sharedU, dX);
            for (int i = 0; i < dropped.size(); i++) {
                dX = backThroughDropped(dropped.get(i), dY.get(dropped.get(i).output), ownU.get(i), dX);
            }
            if (dX != null) {
                x.accumulate(dX);
            }
        }

        private Tensor backThroughBase(Projection p, Tensor dY, Tensor dX) {
            if (p.weight.isTrainable()) {
                accumulateProduct(p.weight, dY.t(), x.data());
            }
            p.bias.filter(Weight::isTrainable).ifPresent(bias -> bias.accumulate(dY.sum(0, false)));
            return x.wantsGradient() ? plus(dX, dY, p.weight.value()) : dX;
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
            if (!x.wantsGradient()) {
                return dX;
            }
            List<Tensor> factors =
                    reached.stream().map(a -> a.change.a().value()).toList();
            return plus(dX, v, factors.size() == 1 ? factors.getFirst() : Tensor.cat(factors, 0));
        }

        private Tensor backThroughDropped(Active active, Tensor dY, Tensor u, Tensor dX) {
            if (dY == null) {
                return dX;
            }
            LowRank change = active.change;
            accumulateB(change, u, dY);
            Tensor v = dY.mm(change.b().value()).mulInPlace(change.scale());
            if (change.a().isTrainable()) {
                accumulateProduct(change.a(), v.t(), droppedInput(active));
            }
            if (!x.wantsGradient()) {
                return dX;
            }
            Kernels kernels = tape.kernels();
            Tensor part = kernels.dropout(v.mm(change.a().value()), change.dropout(), tape.seedOf(change.id()));
            return dX == null ? part : dX.addInPlace(part);
        }

        /// `dB = s · dYᵀ·U`, computed as the transpose of `Uᵀ·dY`: the wide side last is the faster product.
        private void accumulateB(LowRank change, Tensor u, Tensor dY) {
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
}
