package dev.graft.model;

import java.util.OptionalInt;

/// Qwen 2 and 2.5: Llama with biases of queries, keys and values; upper layers may slide.
///
/// Yang et al. 2024, <https://arxiv.org/abs/2407.10671>.
final class Qwen2 implements Architecture {
    @Override
    public String modelType() {
        return "qwen2";
    }

    @Override
    public DecoderSpec decoder(ModelConfig config) {
        return new LlamaLayout(config)
                .defaults(32_768, 1e-6, false)
                .attentionBias(true, false)
                .windows(layerTypes(config))
                .decoder();
    }

    /// Layers from `max_window_layers` on slide where `use_sliding_window` says so.
    static LayerTypes layerTypes(ModelConfig config) {
        OptionalInt window = config.flag("use_sliding_window", false)
                ? config.sizeOrNull("sliding_window", 4096)
                : OptionalInt.empty();
        int full = config.wholeNumber("max_window_layers", 28);
        return LayerTypes.read(config, window, layer -> window.isPresent() && layer >= full);
    }
}
