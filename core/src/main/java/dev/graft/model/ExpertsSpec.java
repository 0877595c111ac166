package dev.graft.model;

import dev.graft.autograd.Routing;
import dev.graft.autograd.Value;
import dev.graft.nn.LinearFactory;
import dev.graft.nn.LinearLayer;
import dev.graft.nn.NamedTensors;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/// A feed-forward layer of many gated units, of which each token passes through the few its router prefers.
///
/// @param router     `[experts, width]`
/// @param perToken   experts each token passes through
/// @param normalised whether what these count for a token adds up to one
record ExpertsSpec(LinearSpec router, List<GatedUnitSpec> experts, int perToken, boolean normalised)
        implements LayerSpec {
    @Override
    public List<Part> parts() {
        return Stream.concat(Stream.of(router), experts.stream().flatMap(expert -> expert.parts().stream()))
                .toList();
    }

    @Override
    public Layer build(NamedTensors source, LinearFactory factory) {
        LinearLayer gate = router.build(source, factory);
        List<Layer> units =
                experts.stream().map(expert -> expert.build(source, factory)).toList();
        return (tape, x, pass) -> {
            Routing routing = Routing.of(tape, gate.forward(tape, x), perToken, normalised);
            List<Value> rows = routing.dispatch(tape, x);
            List<Value> outputs = new ArrayList<>();
            for (int i = 0; i < rows.size(); i++) {
                outputs.add(units.get(routing.experts().get(i)).forward(tape, rows.get(i), pass));
            }
            return routing.combine(tape, outputs);
        };
    }
}
