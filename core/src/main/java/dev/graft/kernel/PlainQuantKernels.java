package dev.graft.kernel;

import dev.graft.tensor.DType;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntUnaryOperator;

/// Packing and unpacking as ATen operations: any device, easy to read, and what [VectorQuantKernels] is compared
/// with.
public enum PlainQuantKernels implements QuantKernels {
    INSTANCE;

    @Override
    public void quantiseBlocks(Tensor x, Codebook book, int block, Tensor codes, Tensor absmax) {
        Arguments.blocks(x, book, block, codes, absmax);
        try (Scope scope = Scope.open()) {
            long elements = x.elements();
            long blocks = absmax.elements();
            Tensor padding = Tensor.zeros(DType.F32, x.device(), blocks * block - elements);
            Tensor rows = Tensor.cat(List.of(x.to(DType.F32).reshape(elements), padding), 0)
                    .view(blocks, block);
            Tensor largest = rows.abs().amax(1, false);
            Tensor empty = largest.lt(Tensor.full(Float.MIN_NORMAL, DType.F32, x.device(), 1));
            Tensor inverse = Tensor.full(1, DType.F32, x.device(), blocks).div(largest);
            Tensor scaled = rows.mul(inverse.unsqueeze(1)).view(blocks * block);
            Tensor found = codesOf(scaled, book).view(blocks, block).maskedFill(empty.unsqueeze(1), 0);
            absmax.copyInPlace(largest.maskedFill(empty, 0).view(absmax.shape()));
            Tensor bytes =
                    found.view(blocks * block).narrow(0, 0, book.bits() == 8 ? elements : elements + elements % 2);
            if (book.bits() == 4) {
                Tensor pairs = bytes.view(bytes.elements() / 2, 2);
                bytes = pairs.select(1, 0).mul(16).add(pairs.select(1, 1));
            }
            codes.copyInPlace(bytes.view(codes.shape()));
        }
    }

    /// The rank of each number by halving, then the code of the rank: int64.
    private static Tensor codesOf(Tensor x, Codebook book) {
        int count = book.thresholds().length + 1;
        float[] bounds = Arrays.copyOf(book.thresholds(), count);
        bounds[count - 1] = Float.POSITIVE_INFINITY;
        Tensor thresholds = Tensor.of(bounds).to(x.device());
        Tensor rank = Tensor.zeros(DType.I64, x.device(), x.elements());
        for (int step = count / 2; step > 0; step /= 2) {
            Tensor middle = thresholds.indexSelect(0, rank.add(step - 1).to(DType.I64));
            rank = rank.add(middle.lt(x).to(DType.I64).mul(step)).to(DType.I64);
        }
        long[] codes = new long[count];
        for (int i = 0; i < count; i++) {
            codes[i] = book.codesByRank()[i] & 0xff;
        }
        return Tensor.of(codes).to(x.device()).indexSelect(0, rank);
    }

    @Override
    public void dequantiseBlocks(Tensor codes, Tensor absmax, Codebook book, int block, Tensor y) {
        Arguments.blocks(y, book, block, codes, absmax);
        Arguments.isHalf("y", y);
        try (Scope scope = Scope.open()) {
            long elements = y.elements();
            Tensor bytes = codes.view(codes.elements()).to(DType.I64);
            Tensor values = book.bits() == 8
                    ? lookUp(bytes, book, code -> code)
                    : Tensor.stack(List.of(lookUp(bytes, book, b -> b >> 4), lookUp(bytes, book, b -> b & 15)), 1)
                            .view(2 * codes.elements())
                            .narrow(0, 0, elements);
            Tensor scales = absmax.view(absmax.elements(), 1)
                    .expand(absmax.elements(), block)
                    .reshape(absmax.elements() * block)
                    .narrow(0, 0, elements);
            y.copyInPlace(values.mul(scales).view(y.shape()));
        }
    }

    private static Tensor lookUp(Tensor bytes, Codebook book, IntUnaryOperator code) {
        float[] table = new float[256];
        for (int b = 0; b < 256; b++) {
            table[b] = book.value(code.applyAsInt(b));
        }
        return Tensor.of(table).to(bytes.device()).indexSelect(0, bytes);
    }

    @Override
    public void quantiseRows(Tensor x, Tensor codes, Tensor absmax) {
        Arguments.rows(x, codes, absmax);
        try (Scope scope = Scope.open()) {
            Tensor wide = x.to(DType.F32);
            Tensor largest = wide.abs().amax(1, false);
            Tensor zero = largest.eq(Tensor.zeros(DType.F32, x.device(), 1));
            Tensor factor = Tensor.full(1, DType.F32, x.device(), largest.elements())
                    .div(largest)
                    .mul(127);
            Tensor whole = wide.mul(factor.unsqueeze(1)).round().maskedFill(zero.unsqueeze(1), 0);
            codes.copyInPlace(whole);
            absmax.copyInPlace(largest);
        }
    }

    @Override
    public void dequantiseRows(Tensor codes, Tensor absmax, Tensor y) {
        Arguments.rows(y, codes, absmax);
        Arguments.isHalf("y", y);
        try (Scope scope = Scope.open()) {
            y.copyInPlace(codes.to(DType.F32).mul(absmax.unsqueeze(1)).mul(PER_ROW_STEP));
        }
    }
}
