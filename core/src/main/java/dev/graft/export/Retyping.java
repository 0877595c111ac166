package dev.graft.export;

import dev.graft.tensor.DType;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;

/// What rounding does to tensors that no adapter changes.
final class Retyping {
    private int tensors;
    private double lost;
    private double all;

    /// The tensor in a type, counted where that is not its own.
    ///
    /// @throws IllegalStateException when it has numbers that the type has not
    Tensor add(String name, Tensor stored, DType type) {
        if (stored.dtype() == type) {
            return stored;
        }
        Tensor result = stored.to(type);
        ModelDirectory.requireFinite(name, stored, result);
        try (Scope scope = Scope.open()) {
            Tensor exact = stored.to(DType.F32);
            double error = result.to(DType.F32).sub(exact).norm();
            double norm = exact.norm();
            lost += error * error;
            all += norm * norm;
            tensors++;
        }
        return result;
    }

    /// How many tensors were rounded.
    int tensors() {
        return tensors;
    }

    /// `‖saved − W‖ / ‖W‖` over these; 0 when there are none.
    double error() {
        return all == 0 ? 0 : Math.sqrt(lost / all);
    }
}
