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
        return Scope.local(() -> capped(weight.product(x, true), softCap));
    }

    /// How logits change with the product `x·Wᵀ`, float32 `[rows, vocab]`; only with a soft cap.
    ///
    /// @param logits as [#logits] gave them
    Tensor slope(Tensor logits) {
        return slope(logits, softCap);
    }

    /// `softCap · tanh(product / softCap)` in the type of the product; the product itself where the cap is 0.
    static Tensor capped(Tensor product, double softCap) {
        return softCap == 0
                ? product
                : product.to(DType.F32).mul(1 / softCap).tanh().mul(softCap).to(product.dtype());
    }

    /// How capped values change with what was capped, float32.
    static Tensor slope(Tensor capped, double softCap) {
        return capped.to(DType.F32).mul(1 / softCap).square().neg().add(1); // tanh′ = 1 − tanh²
    }
}
