package dev.graft.tensor;

import org.bytedeco.pytorch.T_TensorTensorTensor_T;
import org.bytedeco.pytorch.T_TensorTensor_T;
import org.bytedeco.pytorch.global.torch;

/// Factorisations of matrices, by LAPACK.
public final class LinearAlgebra {
    private LinearAlgebra() {}

    /// `matrix = q · r`.
    ///
    /// @param q `[rows, k]` with orthonormal columns, `k = min(rows, columns)`
    /// @param r `[k, columns]`, upper triangular
    public record Qr(Tensor q, Tensor r) {}

    /// `matrix = u · diag(s) · vt`.
    ///
    /// @param u  `[rows, k]` with orthonormal columns, `k = min(rows, columns)`
    /// @param s  `[k]`, largest first
    /// @param vt `[k, columns]` with orthonormal rows
    public record Svd(Tensor u, Tensor s, Tensor vt) {}

    /// @param matrix `[rows, columns]`, float32 or float64
    public static Qr qr(Tensor matrix) {
        try (T_TensorTensor_T both = torch.linalg_qr(matrix.handle())) {
            return new Qr(own(both.get0()), own(both.get1()));
        }
    }

    /// @param matrix `[rows, columns]`, float32 or float64
    public static Svd svd(Tensor matrix) {
        try (T_TensorTensorTensor_T all =
                torch.linalg_svd(matrix.handle(), false, new org.bytedeco.pytorch.StringViewOptional())) {
            return new Svd(own(all.get0()), own(all.get1()), own(all.get2()));
        }
    }

    /// The tuple's members die with it; a handle of our own keeps the tensor.
    private static Tensor own(org.bytedeco.pytorch.Tensor member) {
        return Tensor.adopt(new org.bytedeco.pytorch.Tensor(member));
    }
}
