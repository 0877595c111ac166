package dev.graft.model;

/// Qwen 3, the dense ones: norms of each head of queries and keys, heads of a width of their own.
///
/// Yang et al. 2025, <https://arxiv.org/abs/2505.09388>.
final class Qwen3 implements Architecture {
    @Override
    public String modelType() {
        return "qwen3";
    }

    @Override
    public DecoderSpec decoder(ModelConfig config) {
        boolean bias = config.flag("attention_bias", false);
        return new LlamaLayout(config)
                .defaultHeadWidth(128)
                .defaults(32_768, 1e-6, false)
                .attentionBias(bias, bias)
                .headNorms()
                .windows(Qwen2.layerTypes(config))
                .decoder();
    }
}
