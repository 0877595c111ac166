package dev.graft.kernel;

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
            PlainQuantKernels.INSTANCE.dequantiseBlocks(codes, values(scales), book, block, matrix);
            return x.to(DType.F32).mm(matrix.t()).to(x.dtype());
        });
    }

    private static Tensor values(Scales scales) {
        return switch (scales) {
            case Scales.Plain plain -> plain.absmax();
            case Scales.Nested nested -> {
                Tensor values = Tensor.empty(
                        DType.F32, nested.codes().device(), nested.codes().elements());
                PlainQuantKernels.INSTANCE.dequantiseBlocks(
                        nested.codes(), nested.absmax(), nested.book(), nested.block(), values);
                yield values.addInPlace(Tensor.full(nested.offset(), DType.F32, values.device(), 1));
            }
        };
    }

    @Override
    public Tensor bytes(Tensor x, Tensor codes) {
        Arguments.bytes(x, codes);
        DType exact = x.dtype() == DType.I8 ? DType.F64 : DType.F32;
        return Scope.local(() -> x.to(exact).mm(codes.to(exact).t()).to(DType.F32));
    }
}
