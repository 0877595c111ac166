package dev.graft.peft;

import dev.graft.autograd.LowRank;
import dev.graft.autograd.Weight;
import dev.graft.tensor.DType;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;

/// The factors `A₀` and `B₀` that a layer began with where they are a part of its weight.
///
/// PEFT takes `s·B₀·A₀` away from the base weight. Here the base stays as it is and the product is taken away
/// beside it: `W + s·(B·A − B₀·A₀)` is the same function, also on quantised weights, and the change is one of
/// the base itself.
///
/// @param a float32 `[rank, in]`
/// @param b float32 `[out, rank]`
record StartingFactors(Tensor a, Tensor b, Weight workingA, Weight workingB) implements AutoCloseable {
    /// @param computeType type in which layers read them
    static StartingFactors of(WeightFactors factors, DType computeType) {
        try (Scope scope = Scope.open()) {
            Tensor a = factors.a().contiguous();
            Tensor b = factors.b().contiguous();
            return new StartingFactors(
                    a.retain(),
                    b.retain(),
                    new Weight.Frozen(a.to(computeType).retain()),
                    new Weight.Frozen(b.to(computeType).retain()));
        }
    }

    /// What takes them away.
    LowRank taken(double scale) {
        return new LowRank(workingA, workingB, -scale, 0, 0);
    }

    /// `B₀·A₀`, rows `from … from + rows − 1`.
    Tensor product(long from, long rows) {
        return b.narrow(0, from, rows).mm(a);
    }

    @Override
    public void close() {
        a.release();
        b.release();
        workingA.close();
        workingB.close();
    }
}
