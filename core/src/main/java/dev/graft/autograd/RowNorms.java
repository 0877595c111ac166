package dev.graft.autograd;

import dev.graft.tensor.DType;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.util.List;

/// Euclidean norms of the rows of `W + s·B·A`, float32, without forming that matrix:
///
/// ```text
/// ‖w + s·b·A‖² = ‖w‖² + 2s·b·(A·w) + s²·b·(A·Aᵀ)·bᵀ        for each row w of W and b of B
/// ```
///
/// `W` is read a block at a time. The norms of `W` itself are computed once; the rest again whenever a factor
/// has changed.
public final class RowNorms implements AutoCloseable {
    private static final long BLOCK_ELEMENTS = 1 << 22;

    private final Weight weight;
    private final boolean columns;
    private final Weight a;
    private final Weight b;
    private final double scale;
    private Tensor squaresOfWeight;
    private Tensor norms;
    private long versionOfA;
    private long versionOfB;

    private RowNorms(Weight weight, boolean columns, Weight a, Weight b, double scale) {
        if (weight.isTrainable()) {
            throw new IllegalArgumentException("the norms of a weight that learns would have to be taken every time");
        }
        this.weight = weight;
        this.columns = columns;
        this.a = a;
        this.b = b;
        this.scale = scale;
    }

    /// Of a frozen `[out, in]` matrix.
    ///
    /// @param a `[rank, in]`
    /// @param b `[out, rank]`
    public static RowNorms ofRows(Weight weight, Weight a, Weight b, double scale) {
        return new RowNorms(weight, false, a, b, scale);
    }

    /// Of the transpose of a frozen `[in, out]` table.
    public static RowNorms ofColumns(Weight table, Weight a, Weight b, double scale) {
        return new RowNorms(table, true, a, b, scale);
    }

    /// The norms, float32 `[out]`; held until a factor changes.
    public Tensor value() {
        long nowA = version(a);
        long nowB = version(b);
        if (norms == null || nowA != versionOfA || nowB != versionOfB) {
            try (Scope scope = Scope.open()) {
                Tensor fresh = compute().retain();
                if (norms != null) {
                    norms.release();
                }
                norms = fresh;
            }
            versionOfA = nowA;
            versionOfB = nowB;
        }
        return norms;
    }

    private Tensor compute() {
        Tensor left = exact(a);
        Tensor right = exact(b);
        Tensor product = product(left);
        Tensor mixed = right.mul(product).sum(1, false).mul(2 * scale);
        Tensor own = right.mm(left.mm(left.t())).mul(right).sum(1, false).mul(scale * scale);
        Tensor zero = Tensor.zeros(DType.F32, own.device(), own.shape());
        // rounding could leave a row that is all but cancelled below zero
        return Tensor.stack(List.of(squaresOfWeight.add(mixed).add(own), zero), 0)
                .amax(0, false)
                .sqrt();
    }

    /// `W·Aᵀ`, float32 `[out, rank]`; leaves the squares of `W`'s norms behind.
    private Tensor product(Tensor left) {
        Tensor matrix = weight.value();
        long rows = matrix.size(0);
        long step = Math.max(1, BLOCK_ELEMENTS / matrix.size(1));
        boolean first = squaresOfWeight == null;
        long out = matrix.size(columns ? 1 : 0);
        Tensor squares = Tensor.zeros(DType.F32, matrix.device(), out);
        Tensor product = Tensor.zeros(DType.F32, matrix.device(), out, left.size(0));
        for (long start = 0; start < rows; start += step) {
            long length = Math.min(step, rows - start);
            try (Scope scope = Scope.open()) {
                Tensor block = matrix.narrow(0, start, length).to(DType.F32);
                if (columns) {
                    product.addmmInPlace(
                            block.t(), left.narrow(1, start, length).t(), 1);
                } else {
                    product.narrow(0, start, length).copyInPlace(block.mm(left.t()));
                }
                if (first && columns) {
                    squares.addInPlace(block.square().sum(0, false));
                } else if (first) {
                    squares.narrow(0, start, length).copyInPlace(block.square().sum(1, false));
                }
            }
        }
        if (first) {
            squaresOfWeight = squares.retain();
        }
        return product;
    }

    /// The float32 values of a weight.
    static Tensor exact(Weight weight) {
        return weight instanceof Parameter parameter
                ? parameter.master()
                : weight.value().to(DType.F32);
    }

    private static long version(Weight weight) {
        return weight instanceof Parameter parameter ? parameter.version() : 0;
    }

    @Override
    public void close() {
        if (norms != null) {
            norms.release();
        }
        if (squaresOfWeight != null) {
            squaresOfWeight.release();
        }
    }
}
