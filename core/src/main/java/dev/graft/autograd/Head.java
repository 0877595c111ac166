package dev.graft.autograd;

import dev.graft.tensor.DType;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;

/// What turns hidden states into logits: `x·Wᵀ`, or `softCap · tanh(x·Wᵀ / softCap)`.
///
/// @param weight  `[vocab, width]`
/// @param softCap 0 for none
public record Head(Weight weight, double softCap) {
    /// A head without a soft cap.
    public Head(Weight weight) {
        this(weight, 0);
    }

    /// @param x `[rows, width]`
    /// @return  `[rows, vocab]` in the type of `x`
    public Tensor logits(Tensor x) {
        return Scope.local(() -> {
            Tensor product = x.mm(weight.value().t());
            if (softCap == 0) {
                return product;
            }
            return product.to(DType.F32).mul(1 / softCap).tanh().mul(softCap).to(product.dtype());
        });
    }

    /// How logits change with the product `x·Wᵀ`, float32 `[rows, vocab]`; only with a soft cap.
    ///
    /// @param logits as [#logits] gave them
    Tensor slope(Tensor logits) {
        return logits.to(DType.F32).mul(1 / softCap).square().neg().add(1); // tanh′ = 1 − tanh²
    }
}
