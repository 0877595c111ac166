package dev.graft.nn;

import dev.graft.autograd.Parameter;
import dev.graft.autograd.Weight;
import java.util.List;
import java.util.Optional;

/// Leaves every layer to another factory; a class that wraps one overrides what it makes itself.
public abstract class ForwardingFactory implements LinearFactory {
    protected final LinearFactory base;

    /// @param base closed with this factory
    protected ForwardingFactory(LinearFactory base) {
        this.base = base;
    }

    @Override
    public LinearLayer linear(String name, NamedTensors source) {
        return base.linear(name, source);
    }

    @Override
    public Weight weight(String tensor, NamedTensors source) {
        return base.weight(tensor, source);
    }

    @Override
    public EmbeddingLayer embedding(String name, NamedTensors source) {
        return base.embedding(name, source);
    }

    @Override
    public LinearLayer head(String name, Optional<EmbeddingLayer> tied, NamedTensors source) {
        return base.head(name, tied, source);
    }

    @Override
    public List<Parameter> parameters() {
        return base.parameters();
    }

    @Override
    public void complete() {
        base.complete();
    }

    @Override
    public void close() {
        base.close();
    }
}
