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

    /// Name of the format, such as `nf4`.
    String formatName();

    /// Other numbers in the same format.
    ///
    /// @param values float32, in the shape of these
    /// @throws IllegalArgumentException when the format cannot keep them
    Packed packedLike(Tensor values);

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

    /// Some neighbouring rows of this matrix over the same memory, so that they can be unpacked without
    /// the others; empty where rows are not packed apart. It holds nothing: it is not closed, and what it
    /// is of must outlive it.
    default Optional<Packed> rows(long first, long count) {
        return Optional.empty();
    }

    /// Rows of this matrix by number, of the current scope, as [#rows(long, long)].
    ///
    /// @param index int64 `[n]`
    default Optional<Packed> rows(Tensor index) {
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
