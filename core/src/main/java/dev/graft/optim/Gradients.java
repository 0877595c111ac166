package dev.graft.optim;

import dev.graft.autograd.Parameter;
import dev.graft.tensor.DType;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/// Gradients of many parameters as one vector.
public final class Gradients {
    /// Elements turned to float64 at one time.
    private static final long CHUNK = 1 << 22;

    private Gradients() {}

    /// L2 norm over all gradients, summed in float64. It is the norm of what was added up; an update
    /// that scales gradients by a factor has this norm times that factor.
    public static double norm(List<Parameter> parameters) {
        try (Scope scope = Scope.open()) {
            List<Tensor> sums = new ArrayList<>();
            for (Parameter parameter : parameters) {
                if (parameter.hasGradient()) {
                    addSquares(parameter.gradient(), sums);
                }
            }
            // one number at the end: each item() would wait for the device
            return sums.isEmpty() ? 0 : Math.sqrt(Tensor.stack(sums, 0).sum().item());
        }
    }

    private static void addSquares(Tensor gradient, List<Tensor> sums) {
        long elements = gradient.elements();
        for (long start = 0; start < elements; start += CHUNK) {
            long from = start;
            sums.add(Scope.local(() -> gradient.view(elements)
                    .narrow(0, from, Math.min(CHUNK, elements - from))
                    .to(DType.F64)
                    .square()
                    .sum()));
        }
    }

    /// What gradients have to be multiplied by for their norm not to exceed `maxNorm`, as in PyTorch's
    /// `clip_grad_norm_`: `maxNorm / (norm + 1e-6)`, at most 1.
    ///
    /// @param norm    of the gradients as the update uses them
    /// @param maxNorm `POSITIVE_INFINITY` for no limit
    public static double clipFactor(double norm, double maxNorm) {
        if (!(maxNorm > 0)) {
            throw new IllegalArgumentException(
                    "the largest gradient norm is %s; expected more than 0, infinity for no limit".formatted(maxNorm));
        }
        if (!Double.isFinite(norm)) {
            throw new IllegalArgumentException(
                    "the gradient norm is %s, so the run has diverged; a lower learning rate or a longer warm-up usually helps"
                            .formatted(norm));
        }
        return Math.min(1, maxNorm / (norm + 1e-6));
    }

    /// Forgets all gradients.
    public static void clear(List<Parameter> parameters) {
        parameters.forEach(Parameter::clearGradient);
    }
}
