package dev.graft.peft;

import dev.graft.autograd.LowRank;
import dev.graft.autograd.Parameter;
import dev.graft.nn.LinearLayout.Slice;
import dev.graft.tensor.Tensor;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;

/// The learnt change of a parameter that stacks the matrices of experts, of each `W_e + s·B_e·A_e`; in
/// the layout PEFT stores for `target_parameters`, in which `A` and `B` interleave experts and ranks
/// differently:
///
/// ```text
/// A [experts · r, in]     rows ordered (expert, rank)      A_e = rows e·r … e·r + r
/// B [out, r · experts]    columns ordered (rank, expert)   B_e = every experts-th column from e on
/// ```
///
/// @param scale `s`, from alpha and rank of this parameter
record StackedFactors(Parameter a, Parameter b, int experts, int rank, double scale) {
    /// The change of some rows of one expert's matrix, as a layer computes with it.
    LowRank lowRank(Slice slice, int rows, int id) {
        return new LowRank(
                a.part(ofA(slice)), b.part(ofB(slice, rows)), scale, 0, id, Optional.empty(), Optional.empty());
    }

    /// `s·B·A` of those rows, float32.
    Tensor product(Slice slice, int rows) {
        Tensor ownA = ofA(slice).apply(a.master());
        return ofB(slice, rows).apply(b.master()).mm(ownA).mulInPlace(scale);
    }

    private UnaryOperator<Tensor> ofA(Slice slice) {
        return all -> all.narrow(0, (long) slice.expert() * rank, rank);
    }

    private UnaryOperator<Tensor> ofB(Slice slice, int rows) {
        return all ->
                all.view(slice.out(), rank, experts).select(2, slice.expert()).narrow(0, slice.firstRow(), rows);
    }

    /// Random numbers of all experts to start from, each expert's as those of a layer.
    static InitialFactors initial(Slice slice, List<InitialFactors> ofExperts, int rank, int in) {
        int experts = slice.experts();
        int ranks = Math.multiplyExact(experts, rank);
        InitialFactors all = new InitialFactors(
                new float[Math.multiplyExact(ranks, in)],
                new float[Math.multiplyExact(slice.out(), ranks)],
                new float[0]);
        for (int e = 0; e < experts; e++) {
            InitialFactors own = ofExperts.get(e);
            System.arraycopy(own.a(), 0, all.a(), e * rank * in, rank * in);
            for (int i = 0; i < own.b().length; i++) {
                all.b()[i * experts + e] = own.b()[i]; // i counts (row, rank)
            }
        }
        return all;
    }
}
