package dev.graft.quant;

import dev.graft.autograd.Tape;
import dev.graft.autograd.Value;
import dev.graft.nn.ForwardingFactory;
import dev.graft.nn.LinearFactory;
import dev.graft.nn.LinearLayer;
import dev.graft.nn.NamedTensors;
import java.util.LinkedHashMap;
import java.util.Map;

/// Linear layers that remember what numbers came in, while a model runs over a calibration set.
public final class ObservedLinears extends ForwardingFactory {
    private final Map<String, CalibrationHistogram> inputs = new LinkedHashMap<>();

    /// @param base makes the layers that run
    public ObservedLinears(LinearFactory base) {
        super(base);
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
}
