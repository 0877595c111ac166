package dev.graft.model;

import dev.graft.autograd.Operations;
import dev.graft.autograd.Tape;
import dev.graft.autograd.Value;
import dev.graft.nn.LinearFactory;
import dev.graft.nn.LinearLayer;
import dev.graft.nn.NamedTensors;
import java.util.List;

/// A feed-forward unit without a gate: `down(activation(up(x)))`.
record PlainUnitSpec(LinearSpec up, LinearSpec down, Activation activation) implements LayerSpec {
    /// What lies between the two layers.
    enum Activation {
        GELU,
        GELU_TANH,
        SILU,
        RELU;

        Value of(Tape tape, Value x) {
            return switch (this) {
                case GELU -> Operations.gelu(tape, x, false);
                case GELU_TANH -> Operations.gelu(tape, x, true);
                case SILU -> tape.torch(List.of(x), t -> t.getFirst().silu());
                case RELU -> tape.torch(List.of(x), t -> t.getFirst().relu());
            };
        }
    }

    @Override
    public List<Part> parts() {
        return List.of(up, down);
    }

    @Override
    public Layer build(NamedTensors source, LinearFactory factory) {
        LinearLayer upLayer = up.build(source, factory);
        LinearLayer downLayer = down.build(source, factory);
        return (tape, x, pass) -> downLayer.forward(tape, activation.of(tape, upLayer.forward(tape, x)));
    }
}
