package dev.graft.model.gguf;

import static dev.graft.model.gguf.GgufFamily.Setting.optionalWhole;
import static dev.graft.model.gguf.GgufFamily.Setting.real;
import static dev.graft.model.gguf.GgufFamily.Setting.whole;

import dev.graft.format.Gguf;
import dev.graft.format.GgufValue;
import dev.graft.model.ModelConfig;
import dev.graft.model.gguf.GgufFamily.Setting;
import dev.graft.model.gguf.GgufNames.Change;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/// The families of models that come in GGUF files and go into them.
public final class GgufFamilies {
    private static final List<GgufFamily> ALL = List.of(llama(), mistral(), qwen2(), qwen3(), phi3(), gemma2());

    private GgufFamilies() {}

    private static GgufFamily llama() {
        return new GgufFamily("llama", "llama", "LlamaForCausalLM", llamaNames(Change.QUERY_ROWS, Change.KEY_ROWS))
                .with(decoderSettings())
                .fixed("hidden_act", "silu")
                .flag("attention_bias", "blk.0.attn_q.bias")
                .flag("mlp_bias", "blk.0.ffn_gate.bias");
    }

    /// llama.cpp runs it as Llama. Files say nothing of the window, and those read are Llama to Graft, too.
    private static GgufFamily mistral() {
        return new GgufFamily("llama", "mistral", "MistralForCausalLM", llamaNames(Change.QUERY_ROWS, Change.KEY_ROWS))
                .with(decoderSettings())
                .with(new WholeAttention("sliding_window"))
                .fixed("hidden_act", "silu");
    }

    private static GgufFamily qwen2() {
        return new GgufFamily("qwen2", "qwen2", "Qwen2ForCausalLM", llamaNames(Change.SAME, Change.SAME))
                .with(decoderSettings())
                .fixed("hidden_act", "silu")
                .fixed("use_sliding_window", false);
    }

    private static GgufFamily qwen3() {
        return new GgufFamily(
                        "qwen3",
                        "qwen3",
                        "Qwen3ForCausalLM",
                        headNorms(llamaNames(Change.SAME, Change.SAME), Change.SAME))
                .with(decoderSettings())
                .fixed("hidden_act", "silu")
                .fixed("attention_bias", false)
                .fixed("use_sliding_window", false);
    }

    private static GgufFamily phi3() {
        GgufNames names = llamaNames(Change.SAME, Change.SAME)
                .add("model.layers.{}.self_attn.qkv_proj", "blk.{}.attn_qkv")
                .add("model.layers.{}.mlp.gate_up_proj", "blk.{}.ffn_up");
        return new GgufFamily("phi3", "phi3", "Phi3ForCausalLM", names)
                .with(decoderSettings())
                .with(List.of(optionalWhole("attention.sliding_window", "sliding_window")))
                .fixed("hidden_act", "silu");
    }

    private static GgufFamily gemma2() {
        return new GgufFamily("gemma2", "gemma2", "Gemma2ForCausalLM", gemmaNames())
                .with(decoderSettings())
                .with(List.of(
                        whole("attention.sliding_window", "sliding_window"),
                        real("attn_logit_softcapping", "attn_logit_softcapping"),
                        real("final_logit_softcapping", "final_logit_softcapping")))
                .with(new GemmaScale(46))
                .fixed("hidden_activation", "gelu_pytorch_tanh")
                .fixed("attention_bias", false);
    }

    /// Norms before and after attention and feed-forward, with gains kept one lower than they act.
    private static GgufNames gemmaNames() {
        return new GgufNames()
                .add("model.embed_tokens", "token_embd")
                .add("model.norm", "output_norm", Change.PLUS_ONE)
                .add("lm_head", "output")
                .add("model.layers.{}.input_layernorm", "blk.{}.attn_norm", Change.PLUS_ONE)
                .add("model.layers.{}.self_attn.q_proj", "blk.{}.attn_q")
                .add("model.layers.{}.self_attn.k_proj", "blk.{}.attn_k")
                .add("model.layers.{}.self_attn.v_proj", "blk.{}.attn_v")
                .add("model.layers.{}.self_attn.o_proj", "blk.{}.attn_output")
                .add("model.layers.{}.post_attention_layernorm", "blk.{}.post_attention_norm", Change.PLUS_ONE)
                .add("model.layers.{}.pre_feedforward_layernorm", "blk.{}.ffn_norm", Change.PLUS_ONE)
                .add("model.layers.{}.post_feedforward_layernorm", "blk.{}.post_ffw_norm", Change.PLUS_ONE)
                .add("model.layers.{}.mlp.gate_proj", "blk.{}.ffn_gate")
                .add("model.layers.{}.mlp.up_proj", "blk.{}.ffn_up")
                .add("model.layers.{}.mlp.down_proj", "blk.{}.ffn_down");
    }

    private static GgufNames headNorms(GgufNames names, Change change) {
        return names.add("model.layers.{}.self_attn.q_norm", "blk.{}.attn_q_norm", change)
                .add("model.layers.{}.self_attn.k_norm", "blk.{}.attn_k_norm", change);
    }

    /// A model whose window is shorter than its context: llama.cpp would attend further than it was trained to.
    private record WholeAttention(String key) implements GgufFamily.Special {
        @Override
        public void read(Gguf gguf, Map<String, Object> config) {}

        @Override
        public void write(ModelConfig config, Map<String, GgufValue> metadata) {
            int context = config.optionalSize("max_position_embeddings").orElse(2048);
            int window = config.optionalSize(key).orElse(context);
            if (window < context) { // up to the window the two compute the same
                metadata.put("llama.context_length", GgufValue.of((long) window));
            }
        }
    }

    /// Gemma divides scores by the square root of `query_pre_attn_scalar`; llama.cpp knows the model that is different
    /// by
    /// its layers.
    private record GemmaScale(int layersOfTheLargest) implements GgufFamily.Special {
        @Override
        public void read(Gguf gguf, Map<String, Object> config) {
            config.put("query_pre_attn_scalar", scalar(ModelConfig.of(gguf.file(), config)));
        }

        @Override
        public void write(ModelConfig config, Map<String, GgufValue> metadata) {
            int own = config.optionalSize("query_pre_attn_scalar").orElse(256);
            if (own != scalar(config)) {
                throw config.wrong("query_pre_attn_scalar", "it is " + own, scalar(config) + " in a GGUF file");
            }
        }

        private int scalar(ModelConfig config) {
            return config.size("num_hidden_layers") == layersOfTheLargest
                    ? config.size("hidden_size") / config.size("num_attention_heads")
                    : GgufFamily.headDim(config);
        }
    }

    /// What every decoder of Llama's kind says, and settings of its own.
    private static List<Setting> decoderSettings(Setting... own) {
        List<Setting> all = new ArrayList<>(List.of(
                whole("context_length", "max_position_embeddings"),
                whole("embedding_length", "hidden_size"),
                whole("block_count", "num_hidden_layers"),
                whole("feed_forward_length", "intermediate_size"),
                whole("attention.head_count", "num_attention_heads"),
                whole("attention.head_count_kv", "num_key_value_heads"),
                real("attention.layer_norm_rms_epsilon", "rms_norm_eps"),
                optionalWhole("attention.key_length", "head_dim"),
                optionalWhole("attention.value_length", "head_dim")));
        all.addAll(List.of(own));
        return all;
    }

    private static GgufNames llamaNames(Change queryRows, Change keyRows) {
        return new GgufNames()
                .add("model.embed_tokens", "token_embd")
                .add("model.norm", "output_norm")
                .add("lm_head", "output")
                .add("model.layers.{}.input_layernorm", "blk.{}.attn_norm")
                .add("model.layers.{}.self_attn.q_proj", "blk.{}.attn_q", queryRows)
                .add("model.layers.{}.self_attn.k_proj", "blk.{}.attn_k", keyRows)
                .add("model.layers.{}.self_attn.v_proj", "blk.{}.attn_v")
                .add("model.layers.{}.self_attn.o_proj", "blk.{}.attn_output")
                .add("model.layers.{}.post_attention_layernorm", "blk.{}.ffn_norm")
                .add("model.layers.{}.mlp.gate_proj", "blk.{}.ffn_gate")
                .add("model.layers.{}.mlp.up_proj", "blk.{}.ffn_up")
                .add("model.layers.{}.mlp.down_proj", "blk.{}.ffn_down");
    }

    /// The family of a file.
    static GgufFamily of(Gguf gguf) {
        String architecture = gguf.text("general.architecture")
                .orElseThrow(() -> gguf.refusal("it has no general.architecture", "the name of one"));
        return ALL.stream()
                .filter(family -> family.architecture().equals(architecture))
                .findFirst()
                .orElseThrow(() -> gguf.refusal(
                        "its general.architecture is \"%s\"".formatted(architecture),
                        "one of "
                                + ALL.stream()
                                        .map(GgufFamily::architecture)
                                        .distinct()
                                        .collect(Collectors.joining(", "))));
    }

    /// The family that a model is written as.
    public static GgufFamily of(ModelConfig config) {
        return ALL.stream()
                .filter(family -> family.modelType().equals(config.modelType()))
                .findFirst()
                .orElseThrow(() -> config.wrong(
                        "model_type",
                        "it is \"%s\"".formatted(config.modelType()),
                        "for a GGUF file, one of "
                                + ALL.stream().map(GgufFamily::modelType).collect(Collectors.joining(", "))));
    }
}
