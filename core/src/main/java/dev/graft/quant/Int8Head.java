package dev.graft.quant;

import dev.graft.autograd.PackedWeight;
import dev.graft.autograd.Projection;
import dev.graft.autograd.Weight;
import dev.graft.kernel.QuantKernels;
import dev.graft.kernel.RowProducts;
import dev.graft.nn.EmbeddingLayer;
import dev.graft.nn.ForwardingFactory;
import dev.graft.nn.LinearFactory;
import dev.graft.nn.LinearLayer;
import dev.graft.nn.NamedTensors;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Packed;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Scratch;
import dev.graft.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Keeps the output embedding in 8 bits a weight, row by row as [Int8Rows] does, and leaves everything
/// else to another factory: the embedding is the largest matrix of a small model, and decoding reads it
/// once a token.
///
/// Unlike LLM.int8() it leaves its inputs as they are: `y = (Σ x · code) · scale / 127`. A head that
/// shares the input embedding's table leaves that table alone; one that its source packs already stays
/// as it is.
public final class Int8Head extends ForwardingFactory {
    private static final int ROWS_AT_ONCE = 4096;

    private final Scratch scratch = new Scratch();
    private final List<Weight> made = new ArrayList<>();

    public Int8Head(LinearFactory base) {
        super(base);
    }

    @Override
    public LinearLayer head(String name, Optional<EmbeddingLayer> tied, NamedTensors source) {
        String tensor = name + ".weight";
        if (tied.isEmpty() && source.isPacked(tensor)) {
            return base.head(name, tied, source);
        }
        try (Scope scope = Scope.open()) {
            Tensor table = tied.map(layer -> layer.table().value()).orElseGet(() -> source.computed(tensor));
            Weight weight = new PackedWeight(Rows.of(table), source.computeType(), source.device(), scratch);
            made.add(weight);
            return LinearLayer.of(new Projection(weight, base.bias(name, source), List.of()));
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(tensor + ": " + e.getMessage(), e);
        }
    }

    /// @param codes  int8 `[rows, columns]`
    /// @param scales float32 `[rows]`, the largest magnitude of each
    private record Rows(Tensor codes, Tensor scales) implements Packed {
        /// Some rows at a time, so that no whole copy in another type is made on the way.
        static Rows of(Tensor table) {
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
            return new Rows(codes.retain(), scales.retain());
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
        public void unpack(Tensor into) {
            QuantKernels.of(codes.device()).dequantiseRows(codes, scales, into);
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

    @Override
    public void close() {
        super.close();
        made.forEach(Weight::close);
        made.clear();
        scratch.close();
    }
}
