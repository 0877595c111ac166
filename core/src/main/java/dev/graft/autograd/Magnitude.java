package dev.graft.autograd;

import dev.graft.tensor.DType;
import dev.graft.tensor.Tensor;

/// The size of each row of a changed matrix, learnt apart from its direction: the matrix at work is
/// `m ⊙ (W + ΔW) / ‖W + ΔW‖`. The norm follows the factors but takes no gradient.
///
/// Liu et al. 2024, <https://arxiv.org/abs/2402.09353>; section 4.3 for the detached norm.
///
/// @param sizes `m`, `[out]`
/// @param norms `‖W + ΔW‖`
public record Magnitude(Weight sizes, RowNorms norms) {
    /// What each row of `W + ΔW` is multiplied with, in the computing type.
    Tensor gain() {
        return RowNorms.exact(sizes).div(norms.value()).to(sizes.value().dtype());
    }

    /// Adds to the gradient of the sizes.
    ///
    /// @param dY        `[rows, out]`, of what the matrix at work gave
    /// @param unscaled `[rows, out]`, what `W + ΔW` gave
    void accumulate(Tensor dY, Tensor unscaled) {
        if (sizes.isTrainable()) {
            Tensor sums = dY.to(DType.F32).mul(unscaled.to(DType.F32)).sum(0, false);
            sizes.accumulate(sums.div(norms.value()));
        }
    }
}
