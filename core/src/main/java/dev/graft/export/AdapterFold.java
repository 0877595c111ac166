package dev.graft.export;

import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.LinearAlgebra;
import dev.graft.tensor.LinearAlgebra.Qr;
import dev.graft.tensor.LinearAlgebra.Svd;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.util.List;

/// The best factors of some rank for a change: by the theorem of Eckart, Young and Mirsky no others come
/// nearer in the Frobenius norm.
///
/// @param a        `[rank, in]`, `√S·Vᵀ`
/// @param b        `[out, rank]`, `U·√S`
/// @param norm     `‖ΔW‖`
/// @param residual `‖ΔW − B·A‖`, from the singular values left out
record AdapterFold(Tensor a, Tensor b, double norm, double residual) {
    /// Of `Σ Bᵢ·Aᵢ`, without ever forming it: with the factors side by side, `B = Q·R` and `Aᵀ = P·T`,
    /// the sum is `Q·(R·Tᵀ)·Pᵀ`, and the core in the middle is only as large as all ranks together.
    ///
    /// @param as of each adapter `[rᵢ, in]`, float32
    /// @param bs of each adapter `[out, rᵢ]`, scaled
    static AdapterFold ofFactors(List<Tensor> as, List<Tensor> bs, int rank) {
        return kept(() -> {
            Qr left = LinearAlgebra.qr(Tensor.cat(bs, 1).to(DType.F64));
            Qr right = LinearAlgebra.qr(Tensor.cat(as, 0).t().to(DType.F64));
            Svd core = LinearAlgebra.svd(left.r().mm(right.r().t()));
            return of(
                    new Svd(
                            left.q().mm(core.u()),
                            core.s(),
                            core.vt().mm(right.q().t())),
                    rank);
        });
    }

    /// Of a whole change.
    static AdapterFold ofMatrix(Tensor delta, int rank) {
        return kept(() -> of(LinearAlgebra.svd(delta.to(DType.F64)), rank));
    }

    private interface Work {
        AdapterFold run();
    }

    private static AdapterFold kept(Work work) {
        try (Scope scope = Scope.open()) {
            AdapterFold fold = work.run();
            scope.keep(fold.a);
            scope.keep(fold.b);
            return fold;
        }
    }

    private static AdapterFold of(Svd svd, int rank) {
        long found = Math.min(rank, svd.s().elements());
        Tensor root = svd.s().narrow(0, 0, found).sqrt();
        Tensor b = svd.u().narrow(1, 0, found).mul(root.unsqueeze(0)).to(DType.F32);
        Tensor a = svd.vt().narrow(0, 0, found).mul(root.unsqueeze(1)).to(DType.F32);
        Tensor rest = svd.s().narrow(0, found, svd.s().elements() - found);
        return new AdapterFold(widened(a, 0, rank), widened(b, 1, rank), norm(svd.s()), norm(rest));
    }

    /// In float64, as a residual is small beside the rest.
    private static double norm(Tensor singularValues) {
        return Math.sqrt(singularValues.square().sum().item());
    }

    /// Zeroes fill up what the change has no use for: every layer of an adapter has the rank it names.
    private static Tensor widened(Tensor factor, int dim, int rank) {
        long missing = rank - factor.size(dim);
        if (missing == 0) {
            return factor.contiguous();
        }
        long[] shape = factor.shape();
        shape[dim] = missing;
        return Tensor.cat(List.of(factor, Tensor.zeros(DType.F32, Device.cpu(), shape)), dim);
    }
}
