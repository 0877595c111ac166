package dev.graft.quant;

import dev.graft.kernel.Codebook;
import dev.graft.kernel.QuantKernels;
import dev.graft.kernel.RowProducts;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Packed;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/// A tensor cut, row after row, into blocks that share a scale: a code for each number, and the scales.
///
/// @param format made it
/// @param book   of the format
/// @param block  numbers that share a scale
/// @param shape  of what was packed
/// @param dtype  of what was packed
/// @param codes  uint8; 4-bit codes two to a byte
record Blockwise(
        QuantFormat format, Codebook book, int block, long[] shape, DType dtype, Tensor codes, BlockScales scales)
        implements Quantised {
    Blockwise {
        shape = shape.clone();
    }

    static Blockwise pack(QuantFormat format, Codebook book, int block, boolean nested, Tensor values) {
        try (Scope scope = Scope.open()) {
            Tensor numbers = Inputs.packable(format.name(), values);
            Device device = values.device();
            long elements = values.elements();
            Tensor codes = Tensor.empty(DType.U8, device, book.bytes(elements));
            Tensor absmax = Tensor.empty(DType.F32, device, (elements + block - 1) / block);
            QuantKernels.of(device).quantiseBlocks(numbers, book, block, codes, absmax);
            BlockScales scales = nested ? BlockScales.nest(absmax) : new BlockScales.Plain(absmax.retain());
            return new Blockwise(format, book, block, values.shape(), values.dtype(), codes.retain(), scales);
        }
    }

    @Override
    public long[] shape() {
        return shape.clone();
    }

    @Override
    public Device device() {
        return codes.device();
    }

    @Override
    public void unpack(Tensor into) {
        try (Scope scope = Scope.open()) {
            QuantKernels.of(device()).dequantiseBlocks(codes, scales.ofKernels(), book, block, into);
        }
    }

    /// For few rows the codes are read where they lie; for many, and on devices where that is not
    /// faster, the unpacked matrix is worth its while.
    @Override
    public Optional<Tensor> product(Tensor x) {
        if (book.bits() != 4 || x.size(0) > RowProducts.MOST_ROWS || !RowProducts.areFast(device())) {
            return Optional.empty();
        }
        return Optional.of(
                RowProducts.of(device()).blocks(x.contiguous(), codes, book, block, scales.ofKernels(), shape[0]));
    }

    @Override
    public Optional<Packed> rows(long first, long count) {
        if (!hasWholeRows()) {
            return Optional.empty();
        }
        long blocks = shape[1] / block;
        return Optional.of(with(
                count,
                codes.narrow(0, book.bytes(first * shape[1]), book.bytes(count * shape[1])),
                scales.narrow(first * blocks, count * blocks)));
    }

    @Override
    public Optional<Packed> rows(Tensor index) {
        if (!hasWholeRows()) {
            return Optional.empty();
        }
        Tensor picked = codes.view(shape[0], -1).indexSelect(0, index).view(-1);
        Tensor own = scales.values().view(shape[0], -1).indexSelect(0, index).view(-1);
        return Optional.of(with(index.elements(), picked, new BlockScales.Plain(own)));
    }

    /// Whether each row begins with a block and a byte of its own.
    private boolean hasWholeRows() {
        return shape.length == 2 && shape[1] % block == 0;
    }

    private Blockwise with(long rows, Tensor ofRows, BlockScales own) {
        return new Blockwise(format, book, block, new long[] {rows, shape[1]}, dtype, ofRows, own);
    }

    @Override
    public Map<String, Tensor> parts() {
        Map<String, Tensor> parts = new LinkedHashMap<>();
        parts.put("", codes);
        switch (scales) {
            case BlockScales.Plain plain -> parts.put(".absmax", plain.values());
            case BlockScales.Nested nested -> {
                parts.put(".absmax", nested.codes());
                parts.put(".nested_absmax", nested.absmax());
            }
        }
        return parts;
    }

    @Override
    public void close() {
        codes.release();
        scales.close();
    }
}
