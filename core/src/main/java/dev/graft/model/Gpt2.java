package dev.graft.model;

import dev.graft.format.WeightFiles;
import dev.graft.kernel.Kernels.Scoring;
import dev.graft.model.AttentionSpec.Heads;
import dev.graft.model.DecoderSpec.BlockSpec;
import dev.graft.model.PlainUnitSpec.Activation;
import dev.graft.nn.LinearLayout;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/// GPT-2: learnt positions, layer norms, one projection for queries, keys and values, and weights stored
/// `[in, out]` (`Conv1D`).
///
/// Radford et al. 2019, "Language Models are Unsupervised Multitask Learners". Unlike Transformers in
/// training, nothing is dropped inside the base model (`resid_pdrop`, `embd_pdrop`, `attn_pdrop`).
final class Gpt2 implements Architecture {
    private static final String PREFIX = "transformer.";

    /// The causal mask, which old files store.
    private static final Pattern MASK = Pattern.compile("(transformer\\.)?h\\.\\d+\\.attn\\.(bias|masked_bias)");

    @Override
    public String modelType() {
        return "gpt2";
    }

    /// Published files name `h.0.…` what newer ones name `transformer.h.0.…`, and hold masks beside the
    /// weights.
    @Override
    public WeightFiles published(WeightFiles files) {
        boolean bare = files.names().stream().noneMatch(name -> name.startsWith(PREFIX));
        Map<String, WeightFiles.View> views = new LinkedHashMap<>();
        for (String name : files.names()) {
            if (!MASK.matcher(name).matches()) {
                boolean add = bare && !name.startsWith("lm_head.");
                views.put(add ? PREFIX + name : name, WeightFiles.View.whole(name));
            }
        }
        return files.seenAs(views);
    }

    @Override
    public DecoderSpec decoder(ModelConfig config) {
        if (config.flag("add_cross_attention", false)) {
            throw config.wrong("add_cross_attention", "it is true", "false: a decoder without an encoder");
        }
        int width = config.size("n_embd");
        int vocab = config.size("vocab_size");
        int positions = config.optionalSize("n_positions").orElse(1024);
        double epsilon = config.number("layer_norm_epsilon", 1e-5);
        return new DecoderSpec(
                TensorSpec.table("transformer.wte.weight", vocab, width),
                OptionalInt.empty(), // pad_token_id is not its embedding's, in Transformers neither
                Optional.of(TensorSpec.table("transformer.wpe.weight", positions, width)),
                1,
                IntStream.range(0, config.size("n_layer"))
                        .mapToObj(layer -> block(config, layer, width, epsilon))
                        .toList(),
                new LayerNormSpec("transformer.ln_f", width, epsilon),
                config.flag("tie_word_embeddings", true)
                        ? Optional.empty()
                        : Optional.of(TensorSpec.table("lm_head.weight", vocab, width)),
                0,
                positions);
    }

    private static BlockSpec block(ModelConfig config, int layer, int width, double epsilon) {
        String prefix = "transformer.h." + layer + ".";
        int inner = config.optionalSize("n_inner").orElse(4 * width);
        return new BlockSpec(
                SublayerSpec.after(
                        new LayerNormSpec(prefix + "ln_1", width, epsilon),
                        attention(config, layer, width, prefix + "attn.")),
                SublayerSpec.after(
                        new LayerNormSpec(prefix + "ln_2", width, epsilon),
                        new PlainUnitSpec(
                                linear(prefix + "mlp.c_fc", inner, width),
                                linear(prefix + "mlp.c_proj", width, inner),
                                activation(config))));
    }

    private static AttentionSpec attention(ModelConfig config, int layer, int width, String prefix) {
        int heads = config.size("n_head");
        if (width % heads != 0) {
            throw config.wrong("n_head", "it is " + heads, "a divisor of n_embd, " + width);
        }
        int headWidth = width / heads;
        double scale = config.flag("scale_attn_weights", true) ? 1 / Math.sqrt(headWidth) : 1;
        // reorder_and_upcast_attn changes roundings in half precision alone; our softmax is in float32 anyway
        return new AttentionSpec(
                layer,
                new Heads(heads, heads, headWidth),
                List.of(linear(prefix + "c_attn", 3 * width, width)),
                linear(prefix + "c_proj", width, width),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                OptionalInt.empty(),
                Scoring.scaled(config.flag("scale_attn_by_inverse_layer_idx", false) ? scale / (layer + 1) : scale));
    }

    private static LinearSpec linear(String name, int out, int in) {
        return new LinearSpec(name, out, in, true, LinearLayout.TRANSPOSED);
    }

    private static Activation activation(ModelConfig config) {
        String name = config.text("activation_function").orElse("gelu_new");
        return switch (name) {
            case "gelu_new", "gelu_fast", "gelu_pytorch_tanh" -> Activation.GELU_TANH;
            case "gelu", "gelu_python" -> Activation.GELU;
            case "relu" -> Activation.RELU;
            case "silu", "swish" -> Activation.SILU;
            default ->
                throw config.wrong(
                        "activation_function",
                        "it is \"" + name + "\"",
                        "one of gelu_new, gelu_fast, gelu_pytorch_tanh, gelu, gelu_python, relu, silu, swish");
        };
    }
}
