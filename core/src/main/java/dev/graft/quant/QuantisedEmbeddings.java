package dev.graft.quant;

import dev.graft.autograd.PackedWeight;
import dev.graft.autograd.Weight;
import dev.graft.nn.EmbeddingLayer;
import dev.graft.nn.ForwardingFactory;
import dev.graft.nn.LinearFactory;
import dev.graft.nn.NamedTensors;
import dev.graft.tensor.Packed;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Scratch;
import dev.graft.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/// Keeps the input embedding's table in few bits, and with it a head that shares the table; everything else
/// another factory makes. Of a small model whose linear layers are packed, the table is half of what is
/// left.
///
/// Unlike LLM.int8(), 8 bits leave the inputs of a head as they are. A table that its source packs already
/// stays as it is.
public final class QuantisedEmbeddings extends ForwardingFactory {
    private final Function<Tensor, Packed> format;
    private final Scratch scratch = new Scratch();
    private final List<Weight> made = new ArrayList<>();

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
        try (Scope scope = Scope.open()) {
            Packed values = format.apply(source.computed(tensor));
            Weight table = new PackedWeight(values, source.computeType(), source.device(), scratch);
            source.unload(tensor);
            made.add(table);
            return EmbeddingLayer.of(table);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(tensor + ": " + e.getMessage(), e);
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
