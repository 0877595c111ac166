package dev.graft.autograd;

import dev.graft.kernel.RowProducts;
import dev.graft.tensor.DType;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;

/// What a layer multiplies by: a [Parameter] that learns, a [Frozen] tensor, or packed numbers that are
/// unpacked when asked for.
public interface Weight extends AutoCloseable {
    /// The values in the computing type, for use until the current scope closes. A packed weight unpacks
    /// here, so callers ask once per pass and do not keep what they get.
    Tensor value();

    /// Whether gradients are wanted for it.
    boolean isTrainable();

    /// Adds to its gradient. Only called when [#isTrainable].
    void accumulate(Tensor gradient);

    /// `x·Wᵀ` for a matrix `[out, in]`.
    ///
    /// @param x        `[rows, in]`
    /// @param training whether the product has to be the one that gradients are taken of
    default Tensor product(Tensor x, boolean training) {
        return Scope.local(() -> {
            Tensor matrix = value();
            return !training && isOneRowOfHalves(x, matrix)
                    ? RowProducts.of(x.device()).halves(x, matrix)
                    : x.mm(matrix.t());
        });
    }

    /// What libtorch's product is not made for: it reads the matrix from one place at a time.
    private static boolean isOneRowOfHalves(Tensor x, Tensor matrix) {
        return x.size(0) == 1
                && x.dtype() == DType.BF16
                && matrix.dtype() == DType.BF16
                && x.isContiguous()
                && matrix.isContiguous()
                && RowProducts.areFast(x.device());
    }

    /// `sum + dY·W`, the way back through [#product].
    ///
    /// @param sum changed in place, or `null` to begin one
    /// @param dY  `[rows, out]`
    default Tensor addBackProduct(Tensor sum, Tensor dY) {
        if (sum == null) {
            return Scope.local(() -> dY.mm(value()));
        }
        try (Scope scope = Scope.open()) {
            return sum.addmmInPlace(dY, value(), 1);
        }
    }

    /// Number of elements.
    long elements();

    /// Frees its memory.
    @Override
    void close();

    /// A matrix that is stored the other way round, `[in, out]`; as this weight it is `[out, in]`.
    record Transposed(Weight stored) implements Weight {
        @Override
        public Tensor value() {
            return stored.value().t();
        }

        @Override
        public boolean isTrainable() {
            return stored.isTrainable();
        }

        @Override
        public void accumulate(Tensor gradient) {
            stored.accumulate(gradient.t());
        }

        @Override
        public long elements() {
            return stored.elements();
        }

        @Override
        public void close() {
            stored.close();
        }
    }

    /// A weight that does not learn.
    ///
    /// @param value in the computing type; may lie in a memory-mapped file
    record Frozen(Tensor value) implements Weight {
        @Override
        public boolean isTrainable() {
            return false;
        }

        @Override
        public void accumulate(Tensor gradient) {
            throw new IllegalStateException("a frozen weight takes no gradient");
        }

        @Override
        public long elements() {
            return value.elements();
        }

        @Override
        public void close() {
            value.release();
        }
    }
}
