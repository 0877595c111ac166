package dev.graft.autograd;

import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Packed;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Scratch;
import dev.graft.tensor.Tensor;

/// A weight in few bits that does not learn. It is unpacked for each product, in the forward pass and
/// again in the backward pass, into memory that the next layer of its shape uses again: nothing unpacked
/// outlives its layer.
public final class PackedWeight implements Weight {
    private Packed packed;
    private final DType type;
    private final DType productType;
    private final Device device;
    private final Scratch scratch;

    /// @param packed  taken over
    /// @param type    in which layers compute
    /// @param scratch shared by the weights of a model
    public PackedWeight(Packed packed, DType type, Device device, Scratch scratch) {
        this(packed, type, type, device, scratch);
    }

    /// @param productType type of this weight's own products, whose results are in the type of the
    ///                    layers again
    public PackedWeight(Packed packed, DType type, DType productType, Device device, Scratch scratch) {
        this.packed = packed;
        this.type = type;
        this.productType = productType;
        this.device = device;
        this.scratch = scratch;
    }

    /// The numbers as they are kept.
    public Packed packed() {
        return packed;
    }

    /// Keeps other numbers from now on, in the same format.
    ///
    /// @param values float32, in the shape of the weight
    public void repack(Tensor values) {
        Packed other = packed.packedLike(values);
        packed.close();
        packed = other;
    }

    @Override
    public Tensor value() {
        return unpacked(type);
    }

    private Tensor unpacked(DType into) {
        Tensor result = scratch.take(into, device, packed.shape());
        packed.unpack(result);
        return result;
    }

    @Override
    public Tensor product(Tensor x, boolean training) {
        return Scope.local(() -> {
            if (!training) {
                var own = packed.product(x);
                if (own.isPresent()) {
                    return own.get();
                }
            }
            return x.to(productType).mm(unpacked(productType).t()).to(x.dtype());
        });
    }

    @Override
    public Tensor addBackProduct(Tensor sum, Tensor dY) {
        if (sum == null) {
            return Scope.local(
                    () -> dY.to(productType).mm(unpacked(productType)).to(dY.dtype()));
        }
        try (Scope scope = Scope.open()) {
            return productType == sum.dtype()
                    ? sum.addmmInPlace(dY, unpacked(productType), 1)
                    : sum.addInPlace(dY.to(productType).mm(unpacked(productType)));
        }
    }

    @Override
    public boolean isTrainable() {
        return false;
    }

    @Override
    public void accumulate(Tensor gradient) {
        throw new IllegalStateException("a packed weight takes no gradient");
    }

    @Override
    public long elements() {
        return packed.elements();
    }

    @Override
    public void close() {
        packed.close();
    }
}
