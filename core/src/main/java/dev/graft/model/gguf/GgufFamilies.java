package dev.graft.model.gguf;

import static dev.graft.model.gguf.GgufFamily.Setting.optionalWhole;
import static dev.graft.model.gguf.GgufFamily.Setting.real;
import static dev.graft.model.gguf.GgufFamily.Setting.whole;

import dev.graft.format.Gguf;
import dev.graft.model.ModelConfig;
import dev.graft.model.gguf.GgufFamily.Setting;
import dev.graft.model.gguf.GgufNames.Change;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/// The families of models that come in GGUF files and go into them.
public final class GgufFamilies {
    private static final List<GgufFamily> ALL = List.of(llama());

    private GgufFamilies() {}

    private static GgufFamily llama() {
        return new GgufFamily(
                "llama",
                "llama",
                "LlamaForCausalLM",
                decoderSettings(),
                Map.of("hidden_act", "silu"),
                llamaNames(Change.QUERY_ROWS, Change.KEY_ROWS),
                true);
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
