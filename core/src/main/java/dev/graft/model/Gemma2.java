package dev.graft.model;

import dev.graft.model.GatedUnitSpec.Activation;
import java.util.OptionalInt;

/// Gemma 2: soft caps of scores and logits, four norms a block, every other layer sliding, a scaled
/// embedding.
///
/// Gemma Team 2024, <https://arxiv.org/abs/2408.00118>.
final class Gemma2 implements Architecture {
    @Override
    public String modelType() {
        return "gemma2";
    }

    @Override
    public DecoderSpec decoder(ModelConfig config) {
        OptionalInt window = config.sizeOrNull("sliding_window", 4096);
        return layout(config)
                .defaults(8192, 1e-6, true)
                .windows(LayerTypes.read(config, window, layer -> layer % 2 == 0))
                .scoring(scale(config), config.numberOrNull("attn_logit_softcapping", 50))
                .logitSoftCap(config.numberOrNull("final_logit_softcapping", 30))
                .decoder();
    }

    /// What the Gemmas have in common.
    static LlamaLayout layout(ModelConfig config) {
        if (config.flag("use_bidirectional_attention", false)) {
            throw config.wrong("use_bidirectional_attention", "it is true", "false: tokens see those before them");
        }
        boolean bias = config.flag("attention_bias", false);
        return new LlamaLayout(config)
                .defaultHeadWidth(256)
                .defaultPadding(0)
                .attentionBias(bias, bias)
                .gemmaNorms()
                .activation("hidden_activation", Activation.GELU_TANH)
                .embeddingScale(Math.sqrt(config.size("hidden_size")));
    }

    static double scale(ModelConfig config) {
        return 1 / Math.sqrt(config.number("query_pre_attn_scalar", 256));
    }
}
