package dev.graft.quant;

import dev.graft.autograd.PackedWeight;
import dev.graft.autograd.Projection;
import dev.graft.autograd.Weight;
import dev.graft.nn.EmbeddingLayer;
import dev.graft.nn.LinearFactory;
import dev.graft.nn.LinearLayer;
import dev.graft.nn.NamedTensors;
import java.util.List;
import java.util.Optional;

/// Keeps the output embedding in 8 bits a weight, row by row as [Int8Rows] does, and leaves everything
/// else to another factory: the embedding is the largest matrix of a small model, and decoding reads it
/// once a token.
///
/// Unlike LLM.int8() it leaves its inputs as they are: `y = (Σ x · code) · scale / 127`. A head that
/// shares the input embedding's table leaves that table alone; one that is packed already stays as it is.
public final class Int8Head extends PackingFactory {
    public Int8Head(LinearFactory base) {
        super(base);
    }

    @Override
    public LinearLayer head(String name, Optional<EmbeddingLayer> tied, NamedTensors source) {
        String tensor = name + ".weight";
        boolean packed =
                tied.map(layer -> layer.table() instanceof PackedWeight).orElseGet(() -> source.isPacked(tensor));
        if (packed) {
            return base.head(name, tied, source);
        }
        Weight weight = packed(tensor, source, source.computeType(), () -> {
            Int8Table table =
                    Int8Table.of(tied.map(layer -> layer.table().value()).orElseGet(() -> source.computed(tensor)));
            if (tied.isEmpty()) {
                source.unload(tensor);
            }
            return table;
        });
        return LinearLayer.of(new Projection(weight, base.bias(name, source), List.of()));
    }
}
