package dev.graft.quant;

import dev.graft.kernel.QuantKernels;
import dev.graft.kernel.RowProducts;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Packed;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.util.Optional;

/// A large matrix in 8 bits a weight, packed row by row as [Int8Rows] does. Products leave their inputs as
/// they are: `y = (Σ x · code) · scale / 127`.
///
/// @param codes  int8 `[rows, columns]`
/// @param scales float32 `[rows]`, the largest magnitude of each
record Int8Table(Tensor codes, Tensor scales) implements Packed {
    private static final int ROWS_AT_ONCE = 4096;

    /// Some rows at a time, so that no whole copy in another type is made on the way.
    static Int8Table of(Tensor table) {
        Tensor codes = Tensor.empty(DType.I8, table.device(), table.shape());
        Tensor scales = Tensor.empty(DType.F32, table.device(), table.size(0));
        for (long start = 0; start < table.size(0); start += ROWS_AT_ONCE) {
            long length = Math.min(ROWS_AT_ONCE, table.size(0) - start);
            try (Scope scope = Scope.open();
                    Quantised part = new Int8Rows().quantise(table.narrow(0, start, length))) {
                codes.narrow(0, start, length).copyInPlace(part.parts().get(""));
                scales.narrow(0, start, length).copyInPlace(part.parts().get(".SCB"));
            }
        }
        return new Int8Table(codes.retain(), scales.retain());
    }

    @Override
    public long[] shape() {
        return codes.shape();
    }

    @Override
    public long bytes() {
        return codes.bytes() + scales.bytes();
    }

    @Override
    public String formatName() {
        return Int8Rows.NAME;
    }

    @Override
    public Packed packedLike(Tensor values) {
        return of(values);
    }

    @Override
    public void unpack(Tensor into) {
        QuantKernels.of(codes.device()).dequantiseRows(codes, scales, into);
    }

    @Override
    public Optional<Packed> rows(long first, long count) {
        return Optional.of(new Int8Table(codes.narrow(0, first, count), scales.narrow(0, first, count)));
    }

    @Override
    public Optional<Packed> rows(Tensor index) {
        return Optional.of(new Int8Table(codes.indexSelect(0, index), scales.indexSelect(0, index)));
    }

    @Override
    public Optional<Tensor> product(Tensor x) {
        Device device = codes.device();
        if (x.size(0) > RowProducts.MOST_ROWS || !RowProducts.areFast(device)) {
            return Optional.empty();
        }
        return Optional.of(Scope.local(() -> RowProducts.of(device)
                .bytes(x.contiguous(), codes)
                .mulInPlace(scales)
                .mulInPlace(QuantKernels.PER_ROW_STEP)
                .to(x.dtype())));
    }

    @Override
    public void close() {
        codes.release();
        scales.release();
    }
}
