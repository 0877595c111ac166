package dev.graft.quant;

import dev.graft.autograd.Parameter;
import dev.graft.autograd.Tape;
import dev.graft.autograd.Value;
import dev.graft.autograd.Weight;
import dev.graft.nn.EmbeddingLayer;
import dev.graft.nn.LinearFactory;
import dev.graft.nn.LinearLayer;
import dev.graft.nn.NamedTensors;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// Linear layers that remember what numbers came in, while a model runs over a calibration set.
public final class ObservedLinears implements LinearFactory {
    private final LinearFactory base;
    private final Map<String, CalibrationHistogram> inputs = new LinkedHashMap<>();

    /// @param base makes the layers that run
    public ObservedLinears(LinearFactory base) {
        this.base = base;
    }

    /// What came into each layer of the blocks, by its name.
    public Map<String, CalibrationHistogram> inputs() {
        return inputs;
    }

    @Override
    public LinearLayer linear(String name, NamedTensors source) {
        LinearLayer layer = base.linear(name, source);
        CalibrationHistogram seen = new CalibrationHistogram();
        inputs.put(name, seen);
        // not a projection, so that it is asked to run itself
        return (Tape tape, Value x) -> {
            seen.add(x.data());
            return layer.forward(tape, x);
        };
    }

    @Override
    public LinearLayer head(String name, Optional<EmbeddingLayer> tied, NamedTensors source) {
        return base.head(name, tied, source);
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
