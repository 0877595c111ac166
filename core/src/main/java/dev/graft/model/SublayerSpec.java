package dev.graft.model;

import dev.graft.autograd.Operations;
import dev.graft.autograd.Value;
import dev.graft.nn.LinearFactory;
import dev.graft.nn.NamedTensors;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/// Half a block: a layer between norms, its result added to its input, `x + after(layer(before(x)))`.
record SublayerSpec(Optional<LayerSpec> before, LayerSpec layer, Optional<LayerSpec> after) implements LayerSpec {
    /// With a norm before the layer, as most models have it.
    static SublayerSpec after(LayerSpec norm, LayerSpec layer) {
        return new SublayerSpec(Optional.of(norm), layer, Optional.empty());
    }

    /// With a norm on both sides of the layer.
    static SublayerSpec between(LayerSpec before, LayerSpec layer, LayerSpec after) {
        return new SublayerSpec(Optional.of(before), layer, Optional.of(after));
    }

    private Stream<LayerSpec> inOrder() {
        return Stream.of(before.stream(), Stream.of(layer), after.stream()).flatMap(s -> s);
    }

    @Override
    public List<Part> parts() {
        return inOrder().flatMap(spec -> spec.parts().stream()).toList();
    }

    @Override
    public Layer build(NamedTensors source, LinearFactory factory) {
        List<Layer> layers = inOrder().map(spec -> spec.build(source, factory)).toList();
        return (tape, x, pass) -> {
            Value y = x;
            for (Layer each : layers) {
                y = each.forward(tape, y, pass);
            }
            return Operations.add(tape, x, y);
        };
    }
}
