package dev.graft.model;

import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.kernel.Kernels.Scoring;
import dev.graft.model.AttentionSpec.Heads;
import dev.graft.model.DecoderSpec.BlockSpec;
import dev.graft.model.GatedUnitSpec.Activation;
import dev.graft.nn.Rotation;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.BiFunction;
import java.util.function.IntFunction;
import java.util.stream.IntStream;

/// The layout that most families share with Llama: names of tensors, order of layers, rotary positions,
/// a gated unit. It begins as Llama without biases; a family says where it differs and asks for the
/// [#decoder].
final class LlamaLayout {
    private final ModelConfig config;
    private final int width;
    private final int layers;
    private Heads heads;
    private double epsilon;
    private String prefix = "";
    private boolean tiedByDefault;
    private int defaultPositions = 2048;
    private double defaultTheta = 10_000;
    private OptionalInt defaultPadding = OptionalInt.empty();
    private boolean queryKeyValueBias;
    private boolean outputBias;
    private boolean feedForwardBias;
    private boolean fused;
    private boolean headNorms;
    private boolean gemmaNorms;
    private Activation activation = Activation.SILU;
    private String activationKey = "hidden_act";
    private IntFunction<OptionalInt> windows = layer -> OptionalInt.empty();
    private Optional<IntFunction<Rotation>> rotations = Optional.empty();
    private Scoring scoring;
    private double embeddingScale = 1;
    private double logitSoftCap;
    private BiFunction<Integer, String, LayerSpec> feedForward = (layer, name) -> gatedUnit(name);

    LlamaLayout(ModelConfig config) {
        this.config = config;
        this.width = config.size("hidden_size");
        this.layers = config.size("num_hidden_layers");
        this.heads = heads(OptionalInt.empty());
        this.scoring = Scoring.scaled(1 / Math.sqrt(heads.width()));
        this.epsilon = config.number("rms_norm_eps", 1e-6);
        refuseDropout("attention_dropout");
    }

    private Heads heads(OptionalInt defaultWidth) {
        int queries = config.size("num_attention_heads");
        int keys = config.optionalSize("num_key_value_heads").orElse(queries);
        int headWidth = config.optionalSize("head_dim").orElse(defaultWidth.orElse(width / queries));
        if (queries % keys != 0) {
            throw config.wrong("num_key_value_heads", "it is " + keys, "a divisor of the " + queries + " heads");
        }
        if (headWidth % 2 != 0) {
            throw config.wrong("head_dim", "it is " + headWidth, "an even number, for rotary positions");
        }
        return new Heads(queries, keys, headWidth);
    }

    /// Width of a head where the configuration leaves it out, instead of an equal share of the hidden size.
    LlamaLayout defaultHeadWidth(int headWidth) {
        heads = heads(OptionalInt.of(headWidth));
        scoring = Scoring.scaled(1 / Math.sqrt(heads.width()));
        return this;
    }

    /// Other settings a family's configuration has where the file leaves them out.
    LlamaLayout defaults(int positions, double normEpsilon, boolean tied) {
        defaultPositions = positions;
        epsilon = config.number("rms_norm_eps", normEpsilon);
        tiedByDefault = tied;
        return this;
    }

    /// Base of the rotation's angles where the configuration leaves it out.
    LlamaLayout defaultTheta(double theta) {
        defaultTheta = theta;
        return this;
    }

    /// The padding token where the configuration leaves it out.
    LlamaLayout defaultPadding(int token) {
        defaultPadding = OptionalInt.of(token);
        return this;
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

    /// Queries, keys and values in one projection `qkv_proj`, gate and up in one `gate_up_proj`.
    LlamaLayout fusedProjections() {
        fused = true;
        return this;
    }

    /// Norms of each head of queries and keys, `q_norm` and `k_norm`.
    LlamaLayout headNorms() {
        headNorms = true;
        return this;
    }

    /// Gemma's: norms on both sides of attention and feed-forward unit, all storing their gain less one.
    LlamaLayout gemmaNorms() {
        gemmaNorms = true;
        return this;
    }

    /// What the gate passes through, under another key than `hidden_act`.
    LlamaLayout activation(String key, Activation expected) {
        activationKey = key;
        activation = expected;
        return this;
    }

    LlamaLayout windows(LayerTypes types) {
        windows = types::window;
        return this;
    }

    /// The rotation of each layer, where it is not the one that [RotaryScaling] reads.
    LlamaLayout rotations(IntFunction<Rotation> ofLayer) {
        rotations = Optional.of(ofLayer);
        return this;
    }

    LlamaLayout scoring(double scale, double softCap) {
        scoring = new Scoring(scale, softCap);
        return this;
    }

    LlamaLayout embeddingScale(double scale) {
        embeddingScale = scale;
        return this;
    }

    LlamaLayout logitSoftCap(double cap) {
        logitSoftCap = cap;
        return this;
    }

    /// Another feed-forward unit than the gated one.
    ///
    /// @param make from the number of the layer and the prefix of the block's names, `model.layers.N.`
    LlamaLayout feedForward(BiFunction<Integer, String, LayerSpec> make) {
        feedForward = make;
        return this;
    }

    /// What all names of tensors begin with.
    LlamaLayout prefix(String begin) {
        prefix = begin;
        return this;
    }

    /// Refuses a dropout that Graft's layers do not have.
    LlamaLayout refuseDropout(String key) {
        if (config.number(key, 0) != 0) {
            throw config.wrong(key, "it is " + config.number(key, 0), "0 or nothing; use lora_dropout");
        }
        return this;
    }

    int width() {
        return width;
    }

    Heads heads() {
        return heads;
    }

    DecoderSpec decoder() {
        int vocab = config.size("vocab_size");
        int positions = config.optionalSize("max_position_embeddings").orElse(defaultPositions);
        if (rotations.isEmpty()) {
            ModelConfig whole = config.withDefault("max_position_embeddings", defaultPositions);
            RotaryScaling scaling = new RotaryScaling(whole, defaultTheta, heads.width());
            Rotation rotation = scaling.rotation();
            rotations = Optional.of(layer -> rotation);
            positions = scaling.reach(positions);
        }
        return new DecoderSpec(
                TensorSpec.table(prefix + "model.embed_tokens.weight", vocab, width),
                padding(vocab),
                Optional.empty(),
                embeddingScale,
                IntStream.range(0, layers).mapToObj(this::block).toList(),
                norm(prefix + "model.norm"),
                config.flag("tie_word_embeddings", tiedByDefault)
                        ? Optional.empty()
                        : Optional.of(TensorSpec.table(prefix + "lm_head.weight", vocab, width)),
                logitSoftCap,
                positions);
    }

    /// As PyTorch's embedding takes it: negative ones count from the end.
    private OptionalInt padding(int vocab) {
        JsonNode said = config.json().path("pad_token_id");
        if (said.isMissingNode()) {
            return defaultPadding;
        }
        if (!said.canConvertToInt() || Math.abs((long) said.asInt()) > vocab || said.asInt() == vocab) {
            return OptionalInt.empty(); // no row of the table
        }
        return OptionalInt.of(said.asInt() < 0 ? said.asInt() + vocab : said.asInt());
    }

    private BlockSpec block(int layer) {
        String block = prefix + "model.layers." + layer + ".";
        LayerSpec attention = attention(layer, block + "self_attn.");
        LayerSpec unit = feedForward.apply(layer, block);
        if (gemmaNorms) {
            return new BlockSpec(
                    SublayerSpec.between(
                            norm(block + "input_layernorm"), attention, norm(block + "post_attention_layernorm")),
                    SublayerSpec.between(
                            norm(block + "pre_feedforward_layernorm"),
                            unit,
                            norm(block + "post_feedforward_layernorm")));
        }
        return new BlockSpec(
                SublayerSpec.after(norm(block + "input_layernorm"), attention),
                SublayerSpec.after(norm(block + "post_attention_layernorm"), unit));
    }

    private LayerSpec norm(String name) {
        return norm(name, width);
    }

    private LayerSpec norm(String name, int normed) {
        return new RmsNormSpec(name, normed, epsilon, gemmaNorms ? 1 : 0);
    }

    private AttentionSpec attention(int layer, String name) {
        return new AttentionSpec(
                layer,
                heads,
                queryKeyValue(name),
                new LinearSpec(name + "o_proj", width, heads.queryWidth(), outputBias),
                headNorms ? Optional.of(norm(name + "q_norm", heads.width())) : Optional.empty(),
                headNorms ? Optional.of(norm(name + "k_norm", heads.width())) : Optional.empty(),
                rotations.map(ofLayer -> ofLayer.apply(layer)),
                windows.apply(layer),
                scoring);
    }

    private List<LinearSpec> queryKeyValue(String name) {
        if (fused) {
            int all = heads.queryWidth() + 2 * heads.keyWidth();
            return List.of(new LinearSpec(name + "qkv_proj", all, width, queryKeyValueBias));
        }
        return List.of(
                new LinearSpec(name + "q_proj", heads.queryWidth(), width, queryKeyValueBias),
                new LinearSpec(name + "k_proj", heads.keyWidth(), width, queryKeyValueBias),
                new LinearSpec(name + "v_proj", heads.keyWidth(), width, queryKeyValueBias));
    }

    /// The gated unit of a block.
    LayerSpec gatedUnit(String block) {
        int inner = config.size("intermediate_size");
        String name = block + "mlp.";
        List<LinearSpec> gateUp = fused
                ? List.of(new LinearSpec(name + "gate_up_proj", 2 * inner, width, feedForwardBias))
                : List.of(
                        new LinearSpec(name + "gate_proj", inner, width, feedForwardBias),
                        new LinearSpec(name + "up_proj", inner, width, feedForwardBias));
        LinearSpec down = new LinearSpec(name + "down_proj", width, inner, feedForwardBias);
        return new GatedUnitSpec(gateUp, down, inner, activation.named(config, activationKey));
    }
}
