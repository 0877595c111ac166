package dev.graft.model;

import dev.graft.autograd.Operations;
import dev.graft.autograd.Weight;
import dev.graft.nn.LinearFactory;
import dev.graft.nn.NamedTensors;
import java.util.List;

/// Layer normalisation of each row, with a gain and a bias.
///
/// @param name without `.weight` and `.bias`
record LayerNormSpec(String name, int width, double epsilon) implements LayerSpec {
    private TensorSpec gain() {
        return TensorSpec.vector(name + ".weight", width, TensorSpec.Initial.ONES);
    }

    private TensorSpec bias() {
        return TensorSpec.vector(name + ".bias", width, TensorSpec.Initial.ZEROS);
    }

    @Override
    public List<Part> parts() {
        return List.of(gain(), bias());
    }

    @Override
    public Layer build(NamedTensors source, LinearFactory factory) {
        Weight gain = factory.weight(gain().name(), source);
        Weight bias = factory.weight(bias().name(), source);
        return (tape, x, pass) -> Operations.layerNorm(tape, x, gain, bias, epsilon);
    }
}
