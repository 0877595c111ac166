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
import java.util.OptionalInt;
import java.util.stream.Collectors;

/// The families of models that come in GGUF files and go into them.
public final class GgufFamilies {
    private static final String EXPERTS = "llama.expert_count";

    private static final List<GgufFamily> ALL =
            List.of(llama(), mistral(), mixtral(), qwen2(), qwen3(), qwen3Moe(), phi3(), gemma2(), gemma3(), gpt2());

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
                .with(new GgufSpecials.WholeAttention(OptionalInt.of(4096)))
                .assumed("max_position_embeddings", 131_072)
                .fixed("hidden_act", "silu");
    }

    /// llama.cpp runs it as Llama with experts.
    private static GgufFamily mixtral() {
        GgufNames names = experts(llamaNames(Change.QUERY_ROWS, Change.KEY_ROWS), "block_sparse_moe", "w1", "w3", "w2")
                .add("model.layers.{}.block_sparse_moe.experts.{}.w1", "blk.{}.ffn_gate.{}")
                .add("model.layers.{}.block_sparse_moe.experts.{}.w3", "blk.{}.ffn_up.{}")
                .add("model.layers.{}.block_sparse_moe.experts.{}.w2", "blk.{}.ffn_down.{}");
        return new GgufFamily("llama", "mixtral", "MixtralForCausalLM", names)
                .with(decoderSettings(whole("expert_used_count", "num_experts_per_tok")))
                .with(new GgufSpecials.Experts(EXPERTS, "num_local_experts"))
                .with(new GgufSpecials.WholeAttention(OptionalInt.empty()))
                .assumed("num_experts_per_tok", 2)
                .assumed("max_position_embeddings", 131_072)
                .assumed("rope_theta", 1_000_000.0)
                .assumed("rms_norm_eps", 1e-5)
                .fixed("hidden_act", "silu");
    }

    private static GgufFamily qwen2() {
        return new GgufFamily("qwen2", "qwen2", "Qwen2ForCausalLM", llamaNames(Change.SAME, Change.SAME))
                .with(decoderSettings())
                .assumed("max_position_embeddings", 32_768)
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
                .assumed("head_dim", 128)
                .assumed("max_position_embeddings", 32_768)
                .fixed("hidden_act", "silu")
                .fixed("attention_bias", false)
                .fixed("use_sliding_window", false);
    }

    private static GgufFamily qwen3Moe() {
        GgufNames names = experts(
                headNorms(llamaNames(Change.SAME, Change.SAME), Change.SAME),
                "mlp",
                "gate_proj",
                "up_proj",
                "down_proj");
        return new GgufFamily("qwen3moe", "qwen3_moe", "Qwen3MoeForCausalLM", names)
                .with(decoderSettings(
                        whole("expert_used_count", "num_experts_per_tok"),
                        whole("expert_feed_forward_length", "moe_intermediate_size")))
                .with(new GgufSpecials.Experts("qwen3moe.expert_count", "num_experts"))
                .with(new GgufSpecials.Said("norm_topk_prob", true))
                .assumed("num_experts_per_tok", 8)
                .assumed("max_position_embeddings", 32_768)
                .fixed("hidden_act", "silu")
                .fixed("attention_bias", false)
                .fixed("use_sliding_window", false)
                .fixed("decoder_sparse_step", 1)
                .fixed("mlp_only_layers", List.of());
    }

    private static GgufFamily phi3() {
        GgufNames names = llamaNames(Change.SAME, Change.SAME)
                .add("model.layers.{}.self_attn.qkv_proj", "blk.{}.attn_qkv")
                .add("model.layers.{}.mlp.gate_up_proj", "blk.{}.ffn_up");
        return new GgufFamily("phi3", "phi3", "Phi3ForCausalLM", names)
                .with(decoderSettings())
                .with(new GgufSpecials.Window("phi3.attention.sliding_window"))
                .assumed("max_position_embeddings", 4096)
                .assumed("rms_norm_eps", 1e-5)
                .fixed("hidden_act", "silu");
    }

    private static GgufFamily gemma2() {
        return new GgufFamily("gemma2", "gemma2", "Gemma2ForCausalLM", gemmaNames())
                .with(decoderSettings())
                .with(List.of(
                        whole("attention.sliding_window", "sliding_window"),
                        real("attn_logit_softcapping", "attn_logit_softcapping"),
                        real("final_logit_softcapping", "final_logit_softcapping")))
                .with(new GgufSpecials.GemmaScale(46))
                .assumed("head_dim", 256)
                .assumed("max_position_embeddings", 8192)
                .assumed("sliding_window", 4096)
                .fixed("hidden_activation", "gelu_pytorch_tanh")
                .fixed("attention_bias", false);
    }

    private static GgufFamily gemma3() {
        return new GgufFamily("gemma3", "gemma3_text", "Gemma3ForCausalLM", headNorms(gemmaNames(), Change.PLUS_ONE))
                .with(decoderSettings(whole("attention.sliding_window", "sliding_window")))
                .with(new GgufSpecials.GemmaScale(62))
                .with(new GgufSpecials.GemmaLayers())
                .with(new GgufSpecials.Without("attn_logit_softcapping", "final_logit_softcapping"))
                .assumed("head_dim", 256)
                .assumed("max_position_embeddings", 131_072)
                .assumed("sliding_window", 4096)
                .assumed("rope_theta", 1_000_000.0)
                .fixed("hidden_activation", "gelu_pytorch_tanh")
                .fixed("attention_bias", false);
    }

    /// Its matrices are stored `[in, out]` by Hugging Face.
    private static GgufFamily gpt2() {
        GgufNames names = new GgufNames()
                .add("transformer.wte", "token_embd")
                .add("transformer.wpe", "position_embd")
                .add("transformer.ln_f", "output_norm")
                .add("lm_head", "output")
                .add("transformer.h.{}.ln_1", "blk.{}.attn_norm")
                .add("transformer.h.{}.attn.c_attn", "blk.{}.attn_qkv", Change.TRANSPOSED)
                .add("transformer.h.{}.attn.c_proj", "blk.{}.attn_output", Change.TRANSPOSED)
                .add("transformer.h.{}.ln_2", "blk.{}.ffn_norm")
                .add("transformer.h.{}.mlp.c_fc", "blk.{}.ffn_up", Change.TRANSPOSED)
                .add("transformer.h.{}.mlp.c_proj", "blk.{}.ffn_down", Change.TRANSPOSED);
        return new GgufFamily("gpt2", "gpt2", "GPT2LMHeadModel", names)
                .with(List.of(
                        whole("context_length", "n_positions"),
                        whole("embedding_length", "n_embd"),
                        whole("block_count", "n_layer"),
                        whole("feed_forward_length", "n_inner"),
                        whole("attention.head_count", "n_head"),
                        real("attention.layer_norm_epsilon", "layer_norm_epsilon")))
                .with(new GgufSpecials.TanhGelu())
                .with(new GgufSpecials.TiedCopy())
                .withOutputWritten()
                .withoutRotation()
                .assumed("n_positions", 1024)
                .assumed("layer_norm_epsilon", 1e-5)
                .fixed("scale_attn_weights", true)
                .fixed("scale_attn_by_inverse_layer_idx", false);
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

    /// A layer of experts, each matrix of all experts in one tensor.
    ///
    /// @param block what Hugging Face calls the layer, and then an expert's matrices
    private static GgufNames experts(GgufNames names, String block, String gate, String up, String down) {
        String layer = "model.layers.{}." + block;
        return names.add(layer + ".gate", "blk.{}.ffn_gate_inp")
                .add(layer + ".experts.{}." + gate, "blk.{}.ffn_gate_exps")
                .add(layer + ".experts.{}." + up, "blk.{}.ffn_up_exps")
                .add(layer + ".experts.{}." + down, "blk.{}.ffn_down_exps");
    }

    private static GgufNames headNorms(GgufNames names, Change change) {
        return names.add("model.layers.{}.self_attn.q_norm", "blk.{}.attn_q_norm", change)
                .add("model.layers.{}.self_attn.k_norm", "blk.{}.attn_k_norm", change);
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
        boolean experts = gguf.whole(EXPERTS).orElse(0L) > 0;
        return ALL.stream()
                .filter(family -> family.architecture().equals(architecture))
                .filter(family ->
                        !architecture.equals("llama") || family.modelType().equals("mixtral") == experts)
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
