package dev.graft.model;

import dev.graft.autograd.Operations;
import dev.graft.autograd.Tape;
import dev.graft.autograd.Value;
import dev.graft.nn.LinearFactory;
import dev.graft.nn.LinearLayer;
import dev.graft.nn.NamedTensors;
import java.util.ArrayList;
import java.util.List;

/// A gated feed-forward unit: `down(activation(gate(x)) · up(x))`.
///
/// @param gateUp gate and up, or one layer that holds both, gate first
/// @param inner  width of the gate
record GatedUnitSpec(List<LinearSpec> gateUp, LinearSpec down, int inner, Activation activation) implements LayerSpec {
    /// What the gate passes through.
    enum Activation {
        SILU("silu"),
        GELU_TANH("gelu_pytorch_tanh");

        private final String settingName;

        Activation(String settingName) {
            this.settingName = settingName;
        }

        /// This one, after looking that a configuration does not ask for another.
        Activation named(ModelConfig config, String key) {
            String name = config.text(key).orElse(settingName);
            if (!name.equals(settingName)) {
                throw config.wrong(key, "it is \"" + name + "\"", settingName);
            }
            return this;
        }

        Value gated(Tape tape, Value gate, Value up) {
            return switch (this) {
                case SILU -> Operations.swiGlu(tape, gate, up);
                case GELU_TANH -> Operations.geGlu(tape, gate, up);
            };
        }
    }

    @Override
    public List<Part> parts() {
        List<Part> parts = new ArrayList<>(gateUp);
        parts.add(down);
        return parts;
    }

    @Override
    public Layer build(NamedTensors source, LinearFactory factory) {
        List<LinearLayer> gateUpLayers =
                gateUp.stream().map(spec -> spec.build(source, factory)).toList();
        LinearLayer downLayer = down.build(source, factory);
        return (tape, x, pass) -> {
            List<Value> gated = LinearLayer.forwardAll(tape, x, gateUpLayers);
            if (gated.size() == 1) {
                gated = Operations.split(tape, gated.getFirst(), List.of(inner, inner));
            }
            return downLayer.forward(tape, activation.gated(tape, gated.get(0), gated.get(1)));
        };
    }
}
