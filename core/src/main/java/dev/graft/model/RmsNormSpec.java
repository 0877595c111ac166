package dev.graft.model;

import dev.graft.autograd.Operations;
import dev.graft.autograd.Weight;
import dev.graft.nn.LinearFactory;
import dev.graft.nn.NamedTensors;
import java.util.List;

/// Root-mean-square normalisation of each row, or of each head in it when `width` is a head's.
///
/// @param name    without `.weight`
/// @param offset  added to the stored gain: 1 where files hold `gain − 1`, as Gemma's do
record RmsNormSpec(String name, int width, double epsilon, double offset) implements LayerSpec {
    private TensorSpec gain() {
        return TensorSpec.vector(
                name + ".weight", width, offset == 0 ? TensorSpec.Initial.ONES : TensorSpec.Initial.ZEROS);
    }

    @Override
    public List<Part> parts() {
        return List.of(gain());
    }

    @Override
    public Layer build(NamedTensors source, LinearFactory factory) {
        Weight weight = factory.weight(gain().name(), source);
        return (tape, x, pass) -> Operations.rmsNorm(tape, x, weight, epsilon, offset);
    }
}
