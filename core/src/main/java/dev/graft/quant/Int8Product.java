package dev.graft.quant;

import dev.graft.kernel.QuantKernels;
import dev.graft.kernel.RowProducts;
import dev.graft.tensor.DType;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.util.BitSet;

/// LLM.int8()'s product: inputs become whole numbers row by row, but columns that hold an input of the
/// threshold or more are multiplied in floating point.
///
/// Dettmers et al. 2022, <https://arxiv.org/abs/2208.07339>, section 3.2, in the arithmetic of
/// bitsandbytes: inputs are rounded to float16, sums of products are whole, and the outlier columns'
/// weights are `code · scale / 127`.
final class Int8Product {
    /// 1/127² as bitsandbytes' CUDA kernel has it.
    private static final float STEP = 6.200012e-05f;

    private Int8Product() {}

    /// @param x `[rows, in]`
    static Tensor of(Tensor x, Int8Rows.Rows weight) {
        return Scope.local(() -> {
            Tensor half = x.to(DType.F16).to(DType.F32);
            long[] outliers = outliers(half, weight.format().threshold());
            Tensor inside = half;
            if (outliers.length > 0) {
                Tensor small =
                        half.abs().lt(Tensor.full((float) weight.format().threshold(), DType.F32, x.device(), 1));
                // the scale of a row is that of its own small inputs, also in columns that are outliers elsewhere
                inside = half.mul(small.to(DType.F32));
            }
            Tensor codes = Tensor.empty(DType.I8, x.device(), x.shape());
            Tensor scales = Tensor.empty(DType.F32, x.device(), x.size(0));
            QuantKernels.of(x.device()).quantiseRows(inside.contiguous(), codes, scales);
            if (outliers.length == 0) {
                return scaled(codes, scales, weight).to(x.dtype());
            }
            Tensor index = Tensor.of(outliers, outliers.length).to(x.device());
            if (x.size(0) > 1) {
                codes.indexCopyInPlace(1, index, Tensor.zeros(DType.I8, x.device(), x.size(0), outliers.length));
            }
            Tensor y = scaled(codes, scales, weight);
            Tensor columns = weight.codes().indexSelect(1, index).contiguous();
            Tensor values = Tensor.empty(DType.F32, x.device(), columns.shape());
            QuantKernels.of(x.device()).dequantiseRows(columns, weight.scales(), values);
            return y.to(x.dtype())
                    .to(DType.F32)
                    .addInPlace(x.to(DType.F32).indexSelect(1, index).mm(values.t()))
                    .to(x.dtype());
        });
    }

    private static Tensor scaled(Tensor codes, Tensor scales, Int8Rows.Rows weight) {
        return product(codes, weight.codes())
                .mulInPlace(scales.unsqueeze(1))
                .mulInPlace(weight.scales())
                .mulInPlace(STEP);
    }

    /// The whole-number product, exact, as float32 (rounded once more when a sum passes 2²⁴).
    private static Tensor product(Tensor codes, Tensor weight) {
        long columns = codes.size(1);
        boolean few = codes.size(0) <= RowProducts.MOST_ROWS && columns <= RowProducts.exactColumns();
        if (few && RowProducts.areFast(codes.device())) {
            return RowProducts.of(codes.device()).bytes(codes, weight);
        }
        Tensor whole = codes.to(DType.F32);
        Tensor sum = null;
        for (long start = 0; start < columns; start += RowProducts.EXACT_IN_A_LANE) {
            long length = Math.min(RowProducts.EXACT_IN_A_LANE, columns - start);
            Tensor part = whole.narrow(1, start, length)
                    .mm(weight.narrow(1, start, length).to(DType.F32).t());
            sum = sum == null ? part : sum.addInPlace(part);
        }
        return sum;
    }

    /// Columns that hold a magnitude of the threshold or more.
    private static long[] outliers(Tensor x, double threshold) {
        if (threshold == 0) {
            return new long[0];
        }
        float[] values = x.toFloats();
        int columns = (int) x.size(1);
        BitSet found = new BitSet(columns);
        for (int i = 0; i < values.length; i++) {
            if (Math.abs(values[i]) >= (float) threshold) {
                found.set(i % columns);
            }
        }
        return found.stream().asLongStream().toArray();
    }
}
