package dev.graft.model;

import dev.graft.nn.Rotation;

/// Gemma 3, its text models: Gemma 2 with norms of each head instead of soft caps, and another rotation
/// where layers slide.
///
/// Gemma Team 2025, <https://arxiv.org/abs/2503.19786>.
final class Gemma3 implements Architecture {
    @Override
    public String modelType() {
        return "gemma3_text";
    }

    @Override
    public DecoderSpec decoder(ModelConfig own) {
        ModelConfig config = own.withDefault("max_position_embeddings", 131_072);
        if (config.numberOrNull("attn_logit_softcapping", 0) != 0) {
            // Transformers reads it and does not apply it: what was meant cannot be told
            throw config.wrong(
                    "attn_logit_softcapping",
                    "it is " + config.json().get("attn_logit_softcapping"),
                    "null, as in every published Gemma 3");
        }
        int pattern = config.optionalSize("sliding_window_pattern").orElse(6);
        LayerTypes types =
                LayerTypes.read(config, config.sizeOrNull("sliding_window", 4096), layer -> (layer + 1) % pattern != 0);
        LlamaLayout layout = Gemma2.layout(config).defaults(131_072, 1e-6, true);
        Rotation sliding = slidingRotation(config, layout.heads().width());
        Rotation full = fullRotation(config, layout.heads().width());
        return layout.headNorms()
                .windows(types)
                .rotations(layer -> types.isSliding(layer) ? sliding : full)
                .scoring(Gemma2.scale(config), 0)
                .logitSoftCap(config.numberOrNull("final_logit_softcapping", 0))
                .decoder();
    }

    /// Newer files have `rope_parameters` for each type of layer; older ones scale the rotation of full
    /// layers alone.
    private static Rotation fullRotation(ModelConfig config, int headWidth) {
        ModelConfig own = config.section("rope_parameters").section(LayerTypes.FULL);
        ModelConfig rope = config.has("rope_scaling") ? config.section("rope_scaling") : own;
        return new RotaryScaling(config, rope, 1_000_000, headWidth).rotation();
    }

    private static Rotation slidingRotation(ModelConfig config, int headWidth) {
        ModelConfig rope = config.section("rope_parameters").section(LayerTypes.SLIDING);
        double theta = rope.number("rope_theta", config.number("rope_local_base_freq", 10_000));
        return new RotaryScaling(config, rope.with("rope_theta", theta), theta, headWidth).rotation();
    }
}
