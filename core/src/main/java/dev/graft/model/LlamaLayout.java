package dev.graft.model;

import dev.graft.model.AttentionSpec.Heads;
import dev.graft.model.DecoderSpec.BlockSpec;
import dev.graft.model.GatedUnitSpec.Activation;
import dev.graft.nn.Rotation;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.IntFunction;
import java.util.stream.IntStream;

/// The layout that most families share with Llama: names of tensors, order of layers, rotary positions, a gated unit.
/// It begins as Llama without biases; a family says where it differs and asks for the [#decoder].
final class LlamaLayout {
    private final ModelConfig config;
    private final int width;
    private final int layers;
    private final Heads heads;
    private final double epsilon;
    private final Rotation rotation;
    private boolean queryKeyValueBias;
    private boolean outputBias;
    private boolean feedForwardBias;
    private boolean headNorms;
    private OptionalInt window = OptionalInt.empty();
    private IntFunction<Optional<LayerSpec>> otherFeedForward = layer -> Optional.empty();

    LlamaLayout(ModelConfig config) {
        this.config = config;
        this.width = config.size("hidden_size");
        this.layers = config.size("num_hidden_layers");
        this.heads = heads(config, width);
        this.epsilon = config.number("rms_norm_eps", 1e-6);
        this.rotation = config.rotation(heads.width());
    }

    private static Heads heads(ModelConfig config, int width) {
        int queries = config.size("num_attention_heads");
        int keys = config.optionalSize("num_key_value_heads").orElse(queries);
        int headWidth = config.optionalSize("head_dim").orElse(width / queries);
        if (queries % keys != 0) {
            throw config.wrong("num_key_value_heads", "it is " + keys, "a divisor of the " + queries + " heads");
        }
        if (headWidth % 2 != 0) {
            throw config.wrong("head_dim", "it is " + headWidth, "an even number, for rotary positions");
        }
        return new Heads(queries, keys, headWidth);
    }

    /// Biases of the attention's projections.
    LlamaLayout attentionBias(boolean queryKeyValue, boolean output) {
        queryKeyValueBias = queryKeyValue;
        outputBias = output;
        return this;
    }

    LlamaLayout feedForwardBias(boolean bias) {
        feedForwardBias = bias;
        return this;
    }

    /// Queries and keys of each head are normalised before they are turned.
    LlamaLayout headNorms() {
        headNorms = true;
        return this;
    }

    /// How many of the last keys a token sees, itself included; empty for all.
    LlamaLayout window(OptionalInt keys) {
        window = keys;
        return this;
    }

    /// Another feed-forward layer than the gated unit, in the blocks that `other` gives one for.
    LlamaLayout feedForward(IntFunction<Optional<LayerSpec>> other) {
        otherFeedForward = other;
        return this;
    }

    DecoderSpec decoder() {
        int vocab = config.size("vocab_size");
        return new DecoderSpec(
                TensorSpec.table("model.embed_tokens.weight", vocab, width),
                Optional.empty(),
                1,
                IntStream.range(0, layers).mapToObj(this::block).toList(),
                norm("model.norm"),
                config.flag("tie_word_embeddings", false)
                        ? Optional.empty()
                        : Optional.of(TensorSpec.table("lm_head.weight", vocab, width)),
                config.optionalSize("max_position_embeddings").orElse(2048));
    }

    private BlockSpec block(int layer) {
        String prefix = "model.layers." + layer + ".";
        return new BlockSpec(
                SublayerSpec.after(norm(prefix + "input_layernorm"), attention(layer, prefix + "self_attn.")),
                SublayerSpec.after(
                        norm(prefix + "post_attention_layernorm"),
                        otherFeedForward.apply(layer).orElseGet(() -> feedForward(prefix + "mlp."))));
    }

    private LayerSpec norm(String name) {
        return new RmsNormSpec(name, width, epsilon, 0);
    }

    private AttentionSpec attention(int layer, String prefix) {
        return new AttentionSpec(
                layer,
                heads,
                List.of(
                        new LinearSpec(prefix + "q_proj", heads.queryWidth(), width, queryKeyValueBias),
                        new LinearSpec(prefix + "k_proj", heads.keyWidth(), width, queryKeyValueBias),
                        new LinearSpec(prefix + "v_proj", heads.keyWidth(), width, queryKeyValueBias)),
                new LinearSpec(prefix + "o_proj", width, heads.queryWidth(), outputBias),
                headNorm(prefix + "q_norm"),
                headNorm(prefix + "k_norm"),
                Optional.of(rotation),
                window,
                1 / Math.sqrt(heads.width()));
    }

    private Optional<LayerSpec> headNorm(String name) {
        return headNorms ? Optional.of(new RmsNormSpec(name, heads.width(), epsilon, 0)) : Optional.empty();
    }

    private LayerSpec feedForward(String prefix) {
        int inner = config.size("intermediate_size");
        return new GatedUnitSpec(
                List.of(
                        new LinearSpec(prefix + "gate_proj", inner, width, feedForwardBias),
                        new LinearSpec(prefix + "up_proj", inner, width, feedForwardBias)),
                new LinearSpec(prefix + "down_proj", width, inner, feedForwardBias),
                inner,
                activation());
    }

    private Activation activation() {
        String name = config.text("hidden_act").orElse("silu");
        return switch (name) {
            case "silu" -> Activation.SILU;
            default -> throw config.wrong("hidden_act", "it is \"" + name + "\"", "silu");
        };
    }
}
