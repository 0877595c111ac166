package dev.graft.autograd;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// A linear map of rows, `y = x·Wᵀ + bias + Σ scale·((dropout(x)·Aᵀ)·Bᵀ + biasOfB)`, with or without
/// learnt changes.
///
/// ```text
/// forward    U = x·Aᵀ        y = x·Wᵀ + s·U·Bᵀ            (neither B·A nor a full dW is ever formed)
/// backward   V = s·dY·B      dB = s·dYᵀ·U   dA = Vᵀ·x   dX = dY·W + V·A
/// ```
///
/// A change with a [Magnitude] scales what `W + ΔW` gives, `y = g ⊙ (x·Wᵀ + s·U·Bᵀ) + bias` with
/// `g = m / ‖W + ΔW‖`; with dropout, the part of it that differs from the base sees the dropped input,
/// as PEFT's does: `y = x·Wᵀ + (g − 1) ⊙ (x'·Wᵀ) + g ⊙ s·(x'·Aᵀ)·Bᵀ + bias`. It is the only change of
/// its projection.
///
/// @param weight   `[out, in]`
/// @param bias     `[out]`
/// @param replaced rows of the weight, unchanged by the low-rank changes, that stand in place of its own
public record Projection(Weight weight, Optional<Weight> bias, List<LowRank> changes, Optional<ReplacedRows> replaced) {
    public Projection {
        changes = List.copyOf(changes);
        if (changes.size() > 1 && changes.stream().anyMatch(c -> c.magnitude().isPresent())) {
            throw new IllegalArgumentException("a change with a magnitude of its own is the only one of its layer");
        }
    }

    public Projection(Weight weight, Optional<Weight> bias, List<LowRank> changes) {
        this(weight, bias, changes, Optional.empty());
    }

    /// Nothing but a matrix.
    public static Projection of(Weight weight) {
        return new Projection(weight, Optional.empty(), List.of());
    }

    /// Whether this is its weight and nothing else.
    public boolean isPlain() {
        return bias.isEmpty() && changes.isEmpty() && replaced.isEmpty();
    }

    /// Applies one projection.
    ///
    /// @param x `[rows, in]`
    /// @return  `[rows, out]`
    public static Value apply(Tape tape, Value x, Projection projection) {
        return applyAll(tape, x, List.of(projection)).getFirst();
    }

    /// Applies several projections to the same input; low-rank changes without dropout share one product
    /// with it.
    public static List<Value> applyAll(Tape tape, Value x, List<Projection> projections) {
        return new ProjectionPass(tape, x, projections).run();
    }

    List<Weight> weights() {
        List<Weight> all = new ArrayList<>();
        all.add(weight);
        bias.ifPresent(all::add);
        changes.forEach(c -> {
            all.add(c.a());
            all.add(c.b());
            c.bias().ifPresent(all::add);
            c.magnitude().ifPresent(m -> all.add(m.sizes()));
        });
        replaced.ifPresent(rows -> all.add(rows.values()));
        return all;
    }
}
