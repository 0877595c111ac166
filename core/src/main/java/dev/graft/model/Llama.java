package dev.graft.model;

/// Llama, Llama 2 and Llama 3.x: pre-norm decoder with rotary positions, grouped key-value heads and a
/// gated unit. Also SmolLM and other models that name themselves `llama`.
///
/// Touvron et al. 2023, <https://arxiv.org/abs/2302.13971>; Grattafiori et al. 2024,
/// <https://arxiv.org/abs/2407.21783>.
final class Llama implements Architecture {
    @Override
    public String modelType() {
        return "llama";
    }

    @Override
    public DecoderSpec decoder(ModelConfig config) {
        boolean bias = config.flag("attention_bias", false);
        return new LlamaLayout(config)
                .attentionBias(bias, bias)
                .feedForwardBias(config.flag("mlp_bias", false))
                .decoder();
    }
}
