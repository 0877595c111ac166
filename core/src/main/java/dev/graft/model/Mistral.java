package dev.graft.model;

/// Mistral: Llama whose layers may all see only the last `sliding_window` tokens.
///
/// Jiang et al. 2023, <https://arxiv.org/abs/2310.06825>.
final class Mistral implements Architecture {
    @Override
    public String modelType() {
        return "mistral";
    }

    @Override
    public DecoderSpec decoder(ModelConfig config) {
        LayerTypes types = LayerTypes.uniform(config, config.sizeOrNull("sliding_window", 4096));
        return new LlamaLayout(config)
                .defaults(131_072, 1e-6, false)
                .windows(types)
                .decoder();
    }
}
