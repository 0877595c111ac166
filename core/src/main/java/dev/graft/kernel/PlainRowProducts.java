package dev.graft.kernel;

import dev.graft.kernel.Kernels.Ranges;
import dev.graft.kernel.Kernels.Scoring;
import dev.graft.tensor.DType;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;

/// Products as ATen operations over the unpacked matrix in float32: any device, and what
/// [VectorRowProducts] is compared with.
enum PlainRowProducts implements RowProducts {
    INSTANCE;

    @Override
    public Tensor blocks(Tensor x, Tensor codes, Codebook book, int block, Scales scales, long out) {
        Arguments.blocks(x, codes, book, block, scales, out);
        return Scope.local(() -> {
            Tensor matrix = Tensor.empty(DType.F32, x.device(), out, x.size(1));
            PlainQuantKernels.INSTANCE.dequantiseBlocks(codes, scales, book, block, matrix);
            return x.to(DType.F32).mm(matrix.t()).to(x.dtype());
        });
    }

    @Override
    public Tensor bytes(Tensor x, Tensor codes) {
        Arguments.bytes(x, codes);
        DType exact = x.dtype() == DType.I8 ? DType.F64 : DType.F32;
        return Scope.local(() -> x.to(exact).mm(codes.to(exact).t()).to(DType.F32));
    }

    @Override
    public Tensor halves(Tensor x, Tensor matrix) {
        Arguments.halves(x, matrix);
        return Scope.local(() -> x.to(DType.F32).mm(matrix.to(DType.F32).t()).to(x.dtype()));
    }

    @Override
    public Tensor attention(Tensor q, Tensor k, Tensor v, Ranges ranges, Scoring scoring) {
        Arguments.attention(q, k, v, ranges);
        long group = q.size(0) / k.size(0);
        return Scope.local(() -> {
            Tensor keys = each(k, group);
            Tensor p = q.to(DType.F32).bmm(keys.transpose(1, 2));
            Tensor sums = Tensor.empty(DType.F32, q.device(), p.size(0), p.size(1));
            PlainKernels.INSTANCE.rangeSoftmaxInPlace(p, ranges, scoring, sums);
            return p.bmm(each(v, group))
                    .transpose(0, 1)
                    .reshape(q.size(1), q.size(0) * q.size(2))
                    .to(q.dtype());
        });
    }

    /// `[keyHeads, keys, headDim]` in float32, each head as often as queries share it.
    private static Tensor each(Tensor heads, long group) {
        return heads.to(DType.F32)
                .unsqueeze(1)
                .expand(heads.size(0), group, heads.size(1), heads.size(2))
                .reshape(heads.size(0) * group, heads.size(1), heads.size(2));
    }
}
