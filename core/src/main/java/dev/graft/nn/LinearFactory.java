package dev.graft.nn;

import dev.graft.autograd.Parameter;
import dev.graft.autograd.Projection;
import dev.graft.autograd.Weight;
import dev.graft.tensor.Scope;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Makes a model's layers while it is built and so decides what they are: frozen, learning, quantised, adapted.
/// Factories wrap one another; a model is written without knowing which it got.
public interface LinearFactory extends AutoCloseable {
    /// Makes the linear layer whose tensors are `name + ".weight"` `[out, in]` (`[in, out]` where the source's
    /// [layout][NamedTensors#layout] says so) and, where the source has it, `name + ".bias"` `[out]`.
    LinearLayer linear(String name, NamedTensors source);

    /// Makes a weight that is not a linear layer's: an embedding table, a norm's gain.
    ///
    /// @param tensor full name, as in the file
    Weight weight(String tensor, NamedTensors source);

    /// Makes the input embedding, whose table is `name + ".weight"` `[vocab, width]`.
    default EmbeddingLayer embedding(String name, NamedTensors source) {
        return EmbeddingLayer.of(weight(name + ".weight", source));
    }

    /// Makes the output embedding, whose tensors are `name + ".weight"` `[vocab, width]` and, where the source has it,
    /// `name + ".bias"`.
    ///
    /// @param tied the input embedding whose table it shares, instead of having a weight of its own
    default LinearLayer head(String name, Optional<EmbeddingLayer> tied, NamedTensors source) {
        Weight weight = tied.map(EmbeddingLayer::table).orElseGet(() -> weight(name + ".weight", source));
        Optional<Weight> bias =
                source.has(name + ".bias") ? Optional.of(weight(name + ".bias", source)) : Optional.empty();
        return LinearLayer.of(new Projection(weight, bias, List.of()));
    }

    /// Everything made so far that learns.
    List<Parameter> parameters();

    /// Called once when the model is built; a factory that expected layers it was not asked for says so here.
    default void complete() {}

    /// Frees every weight made so far; the model that was built with it does so when it is closed.
    @Override
    void close();

    /// Frozen weights in the computing type, sharing the source's memory where the type allows.
    static LinearFactory frozen() {
        return new Direct(false);
    }

    /// Weights that all learn: full fine-tuning.
    static LinearFactory trainable() {
        return new Direct(true);
    }

    /// Makes weights as they are.
    final class Direct implements LinearFactory {
        private final boolean trainable;
        private final List<Weight> made = new ArrayList<>();

        private Direct(boolean trainable) {
            this.trainable = trainable;
        }

        @Override
        public LinearLayer linear(String name, NamedTensors source) {
            Weight stored = weight(name + ".weight", source);
            Weight weight = source.layout(name).transposed() ? new Weight.Transposed(stored) : stored;
            Optional<Weight> bias =
                    source.has(name + ".bias") ? Optional.of(weight(name + ".bias", source)) : Optional.empty();
            return LinearLayer.of(new Projection(weight, bias, List.of()));
        }

        @Override
        public Weight weight(String tensor, NamedTensors source) {
            try (Scope scope = Scope.open()) {
                Weight weight = trainable
                        ? new Parameter(tensor, source.stored(tensor).to(source.device()), source.computeType())
                        : new Weight.Frozen(source.computed(tensor).retain());
                made.add(weight);
                return weight;
            }
        }

        @Override
        public List<Parameter> parameters() {
            return made.stream()
                    .filter(Parameter.class::isInstance)
                    .map(Parameter.class::cast)
                    .toList();
        }

        @Override
        public void close() {
            made.forEach(Weight::close);
            made.clear();
        }
    }
}
