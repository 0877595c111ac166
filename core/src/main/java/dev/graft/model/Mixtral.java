package dev.graft.model;

import dev.graft.format.WeightFiles;

/// Mixtral: Mistral with experts, of which each token passes through the two its router prefers.
///
/// Jiang et al. 2024, <https://arxiv.org/abs/2401.04088>. The router is trained by the loss alone,
/// without the auxiliary loss that Transformers adds when `output_router_logits` is set.
final class Mixtral implements Architecture {
    @Override
    public String modelType() {
        return "mixtral";
    }

    @Override
    public WeightFiles published(WeightFiles files) {
        return ExpertsLayout.MIXTRAL.published(files);
    }

    @Override
    public DecoderSpec decoder(ModelConfig config) {
        GatedUnitSpec.Activation.SILU.named(config, "hidden_act");
        if (config.number("router_jitter_noise", 0) != 0) {
            throw config.wrong("router_jitter_noise", "it is " + config.json().get("router_jitter_noise"), "0");
        }
        var sizes = ExpertsLayout.sizes(config, config.size("intermediate_size"), 2);
        return new LlamaLayout(config)
                .defaults(131_072, 1e-5, false)
                .defaultTheta(1_000_000)
                .windows(LayerTypes.uniform(config, config.optionalSize("sliding_window")))
                .feedForward((layer, block) -> ExpertsLayout.MIXTRAL.experts(block, sizes, true))
                .decoder();
    }
}
