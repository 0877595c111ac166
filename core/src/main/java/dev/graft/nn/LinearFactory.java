package dev.graft.nn;

import dev.graft.autograd.PackedWeight;
import dev.graft.autograd.Parameter;
import dev.graft.autograd.Projection;
import dev.graft.autograd.Weight;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Scratch;
import dev.graft.tensor.Shapes;
import dev.graft.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.BiFunction;

/// Makes a model's layers while it is built and so decides what they are: frozen, learning, quantised,
/// adapted. Factories wrap one another; a model is written without knowing which it got.
public interface LinearFactory extends AutoCloseable {
    /// Makes the linear layer whose tensors are `name + ".weight"` `[out, in]` (`[in, out]` where the
    /// source's [layout][NamedTensors#layout] says so) and, where the source has it, `name + ".bias"`
    /// `[out]`.
    LinearLayer linear(String name, NamedTensors source);

    /// Makes a weight that is not a linear layer's: an embedding table, a norm's gain.
    ///
    /// @param tensor full name, as in the file
    Weight weight(String tensor, NamedTensors source);

    /// Makes the input embedding, whose table is `name + ".weight"` `[vocab, width]`.
    default EmbeddingLayer embedding(String name, NamedTensors source) {
        return EmbeddingLayer.of(weight(name + ".weight", source));
    }

    /// Makes the output embedding, whose tensors are `name + ".weight"` `[vocab, width]` and, where the
    /// source has it, `name + ".bias"`.
    ///
    /// @param tied the input embedding whose table it shares, instead of having a weight of its own
    default LinearLayer head(String name, Optional<EmbeddingLayer> tied, NamedTensors source) {
        Weight weight = tied.map(EmbeddingLayer::table).orElseGet(() -> weight(name + ".weight", source));
        return LinearLayer.of(new Projection(weight, bias(name, source), List.of()));
    }

    /// The bias of a layer, `name + ".bias"`, where the source has it.
    default Optional<Weight> bias(String name, NamedTensors source) {
        return source.has(name + ".bias") ? Optional.of(weight(name + ".bias", source)) : Optional.empty();
    }

    /// Everything made so far that learns.
    List<Parameter> parameters();

    /// Called once when the model is built; a factory that expected layers it was not asked for says so here.
    default void complete() {}

    /// Frees every weight made so far; the model that was built with it does so when it is closed.
    @Override
    void close();

    /// Frozen weights in the computing type, sharing the source's memory where the type allows. What the
    /// source packs stays packed.
    static LinearFactory frozen() {
        Scratch scratch = new Scratch();
        return new Direct(
                (tensor, source) -> source.packed(tensor)
                        .<Weight>map(packed -> new PackedWeight(packed, source.computeType(), source.device(), scratch))
                        .orElseGet(
                                () -> new Weight.Frozen(source.computed(tensor).retain())),
                scratch::close);
    }

    /// Weights that all learn: full fine-tuning. What the source packs cannot.
    static LinearFactory trainable() {
        return new Direct(
                (tensor, source) -> {
                    if (source.isPacked(tensor)) {
                        throw new IllegalArgumentException(
                                "%s is quantised and cannot be trained itself; train an adapter on it, or start from a model that is not quantised"
                                        .formatted(tensor));
                    }
                    return new Parameter(tensor, source.stored(tensor).to(source.device()), source.computeType());
                },
                () -> {});
    }

    /// Frozen weights that stay with their source and are computed each time a layer asks: a model
    /// larger than memory runs, every pass pays for the conversion.
    ///
    /// @param values makes the value of a tensor, in the computing type on the device, for the current scope
    static LinearFactory streamed(BiFunction<String, NamedTensors, Tensor> values) {
        return new Direct((tensor, source) -> new Streamed(tensor, source, values), () -> {});
    }

    /// A weight of [#streamed].
    record Streamed(String tensor, NamedTensors source, BiFunction<String, NamedTensors, Tensor> values)
            implements Weight {
        @Override
        public Tensor value() {
            return Scope.local(() -> values.apply(tensor, source));
        }

        @Override
        public boolean isTrainable() {
            return false;
        }

        @Override
        public void accumulate(Tensor gradient) {
            throw new IllegalStateException(tensor + " is frozen and takes no gradient");
        }

        @Override
        public long elements() {
            return Shapes.elements(source.shape(tensor));
        }

        @Override
        public void close() {
            // nothing is held
        }
    }

    /// Makes weights as they are.
    final class Direct implements LinearFactory {
        private final BiFunction<String, NamedTensors, Weight> maker;
        private final Runnable close;
        private final List<Weight> made = new ArrayList<>();

        private Direct(BiFunction<String, NamedTensors, Weight> maker, Runnable close) {
            this.maker = maker;
            this.close = close;
        }

        @Override
        public LinearLayer linear(String name, NamedTensors source) {
            Weight stored = weight(name + ".weight", source);
            Weight weight = source.layout(name).transposed() ? new Weight.Transposed(stored) : stored;
            return LinearLayer.of(new Projection(weight, bias(name, source), List.of()));
        }

        @Override
        public Weight weight(String tensor, NamedTensors source) {
            try (Scope scope = Scope.open()) {
                Weight weight = maker.apply(tensor, source);
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
            close.run();
        }
    }
}
