package dev.graft.nn;

import dev.graft.autograd.Projection;
import dev.graft.autograd.Tape;
import dev.graft.autograd.Value;
import java.util.List;
import java.util.Optional;

/// A linear map inside a model: plain, quantised or adapted, the model cannot tell.
public interface LinearLayer {
    /// @param x `[rows, in]`
    /// @return  `[rows, out]`
    Value forward(Tape tape, Value x);

    /// The layer as one projection, when it is one; such layers share work over a common input.
    default Optional<Projection> projection() {
        return Optional.empty();
    }

    /// A layer that is a projection.
    static LinearLayer of(Projection projection) {
        return new LinearLayer() {
            @Override
            public Value forward(Tape tape, Value x) {
                return Projection.apply(tape, x, projection);
            }

            @Override
            public Optional<Projection> projection() {
                return Optional.of(projection);
            }
        };
    }

    /// Applies several layers to the same input, sharing products where all of them are projections.
    static List<Value> forwardAll(Tape tape, Value x, List<LinearLayer> layers) {
        List<Projection> projections =
                layers.stream().flatMap(l -> l.projection().stream()).toList();
        if (projections.size() == layers.size()) {
            return Projection.applyAll(tape, x, projections);
        }
        return layers.stream().map(layer -> layer.forward(tape, x)).toList();
    }
}
