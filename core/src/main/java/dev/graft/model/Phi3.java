package dev.graft.model;

import dev.graft.nn.Rotation;
import java.util.List;

/// Phi-3, Phi-3.5 and Phi-4-mini: fused projections, heads turned in part, LongRoPE.
///
/// Abdin et al. 2024, <https://arxiv.org/abs/2404.14219>.
final class Phi3 implements Architecture {
    @Override
    public String modelType() {
        return "phi3";
    }

    @Override
    public DecoderSpec decoder(ModelConfig config) {
        LlamaLayout layout = new LlamaLayout(config);
        Rotation rotation = rotation(config, layout.heads().width());
        return layout.defaults(4096, 1e-5, false)
                .defaultPadding(32_000)
                .fusedProjections()
                .refuseDropout("resid_pdrop")
                .refuseDropout("embd_pdrop")
                .windows(LayerTypes.uniform(config, config.optionalSize("sliding_window")))
                .rotations(layer -> rotation)
                .decoder();
    }

    private static Rotation rotation(ModelConfig config, int headWidth) {
        ModelConfig rope = RotaryScaling.section(config);
        RotaryScaling scaling = new RotaryScaling(
                config.withDefault("original_max_position_embeddings", 4096)
                        .withDefault("max_position_embeddings", 4096),
                rope,
                10_000,
                headWidth);
        // Its first configurations called LongRoPE "su" or "yarn".
        if (List.of("su", "yarn").contains(scaling.type())) {
            scaling = scaling.as("longrope", headWidth);
        }
        if (!List.of("default", "longrope").contains(scaling.type())) {
            throw rope.wrong("rope_type", "it is \"" + scaling.type() + "\"", "default or longrope");
        }
        return scaling.rotation();
    }
}
