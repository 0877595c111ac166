package dev.graft.tensor;

import java.util.Optional;

/// Numbers kept in fewer bits than anybody computes in, and unpacked when they are needed: a quantised
/// weight.
///
/// It holds its memory itself, whatever scope is open, until [#close].
public interface Packed extends AutoCloseable {
    /// Shape of what is packed.
    long[] shape();

    /// Bytes it takes.
    long bytes();

    /// Writes the numbers.
    ///
    /// @param into float32 or bfloat16, contiguous, with as many elements as this
    void unpack(Tensor into);

    /// `x` times the transpose of this matrix in the format's own arithmetic, for inference; empty where
    /// it has none, and the product with the unpacked numbers is meant.
    ///
    /// @param x `[rows, in]`
    /// @return  `[rows, out]`, in the type of `x`
    default Optional<Tensor> product(Tensor x) {
        return Optional.empty();
    }

    /// Elements of what is packed.
    default long elements() {
        return Shapes.elements(shape());
    }

    /// The numbers as a new tensor.
    default Tensor unpacked(DType dtype, Device device) {
        return Scope.local(() -> {
            boolean direct = dtype == DType.F32 || dtype == DType.BF16;
            Tensor result = Tensor.empty(direct ? dtype : DType.F32, device, shape());
            unpack(result);
            return result.to(dtype);
        });
    }

    @Override
    void close();
}
