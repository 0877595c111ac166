package dev.graft.quant;

import dev.graft.kernel.Codebook;
import dev.graft.kernel.DynamicMap;
import dev.graft.kernel.QuantKernels;
import dev.graft.kernel.RowProducts;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;

/// The largest magnitude of each block, float32 or itself packed in 8 bits (double quantisation).
///
/// Dettmers et al. 2023, <https://arxiv.org/abs/2305.14314>, section 3.
sealed interface BlockScales extends AutoCloseable {
    /// Blocks of scales that are packed together.
    int NESTED_BLOCK = 256;

    /// Scales in float32; belongs to the current scope or to this.
    Tensor values();

    /// Some neighbouring ones, of the current scope or over this memory.
    default BlockScales narrow(long first, long count) {
        return new Plain(values().narrow(0, first, count));
    }

    /// The same as they are kept, for kernels.
    RowProducts.Scales ofKernels();

    @Override
    void close();

    /// @param values float32 `[blocks]`
    record Plain(Tensor values) implements BlockScales {
        @Override
        public RowProducts.Scales ofKernels() {
            return new RowProducts.Scales.Plain(values);
        }

        @Override
        public void close() {
            values.release();
        }
    }

    /// `code value · absmax of the nested block + offset`, rounded after each step.
    ///
    /// @param book   what codes stand for
    /// @param codes  uint8 `[blocks]`
    /// @param absmax float32, one for each 256 of them
    record Nested(Codebook book, Tensor codes, Tensor absmax, float offset) implements BlockScales {
        @Override
        public Tensor values() {
            return QuantKernels.of(codes.device()).values(ofKernels());
        }

        @Override
        public RowProducts.Scales ofKernels() {
            return new RowProducts.Scales.Nested(codes, absmax, book, NESTED_BLOCK, offset);
        }

        @Override
        public BlockScales narrow(long first, long count) {
            if (first % NESTED_BLOCK != 0) {
                return BlockScales.super.narrow(first, count);
            }
            long blocks = (count + NESTED_BLOCK - 1) / NESTED_BLOCK;
            return new Nested(
                    book, codes.narrow(0, first, count), absmax.narrow(0, first / NESTED_BLOCK, blocks), offset);
        }

        @Override
        public void close() {
            codes.release();
            absmax.release();
        }
    }

    /// Packs scales: what is left after their mean is taken away, as blocks of 256.
    static Nested nest(Tensor scales) {
        try (Scope scope = Scope.open()) {
            Device device = scales.device();
            long blocks = scales.elements();
            float offset = mean(scales);
            Tensor rest = scales.sub(Tensor.full(offset, DType.F32, device, 1));
            Tensor codes = Tensor.empty(DType.U8, device, blocks);
            Tensor absmax = Tensor.empty(DType.F32, device, (blocks + NESTED_BLOCK - 1) / NESTED_BLOCK);
            QuantKernels.of(device).quantiseBlocks(rest, DynamicMap.SIGNED, NESTED_BLOCK, codes, absmax);
            return new Nested(DynamicMap.SIGNED, codes.retain(), absmax.retain(), offset);
        }
    }

    /// The mean, summed in float64 and rounded once, so that it depends on neither threads nor vector width.
    private static float mean(Tensor scales) {
        double sum = 0;
        for (float scale : scales.toFloats()) {
            sum += scale;
        }
        return (float) (sum / scales.elements());
    }
}
