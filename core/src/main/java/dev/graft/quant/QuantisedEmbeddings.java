package dev.graft.quant;

import dev.graft.nn.EmbeddingLayer;
import dev.graft.nn.LinearFactory;
import dev.graft.nn.NamedTensors;
import dev.graft.tensor.Packed;
import dev.graft.tensor.Tensor;
import java.util.function.Function;

/// Keeps the input embedding's table in few bits, and with it a head that shares the table; everything else
/// another factory makes. Of a small model whose linear layers are packed, the table is half of what is
/// left.
///
/// Unlike LLM.int8(), 8 bits leave the inputs of a head as they are. A table that its source packs already
/// stays as it is.
public final class QuantisedEmbeddings extends PackingFactory {
    private final Function<Tensor, Packed> format;

    private QuantisedEmbeddings(LinearFactory base, Function<Tensor, Packed> format) {
        super(base);
        this.format = format;
    }

    /// 8 bits a weight, a scale a row.
    public static QuantisedEmbeddings int8(LinearFactory base) {
        return new QuantisedEmbeddings(base, Int8Table::of);
    }

    /// @param format of 4 bits
    public static QuantisedEmbeddings of(LinearFactory base, QuantFormat format) {
        return new QuantisedEmbeddings(base, format::quantise);
    }

    @Override
    public EmbeddingLayer embedding(String name, NamedTensors source) {
        String tensor = name + ".weight";
        if (source.isPacked(tensor)) {
            return base.embedding(name, source);
        }
        return EmbeddingLayer.of(packed(tensor, source, source.computeType(), () -> {
            Packed values = format.apply(source.computed(tensor));
            source.unload(tensor);
            return values;
        }));
    }
}
