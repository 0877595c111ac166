package dev.graft.model;

import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.format.WeightFiles;
import java.util.HashSet;
import java.util.OptionalInt;
import java.util.Set;

/// Qwen3's models of experts: Qwen3 with a layer of experts in every block, or in those that
/// `decoder_sparse_step` and `mlp_only_layers` leave.
///
/// Yang et al. 2025, <https://arxiv.org/abs/2505.09388>. The router is trained by the loss alone,
/// without the auxiliary loss that Transformers adds when `output_router_logits` is set.
final class Qwen3Moe implements Architecture {
    @Override
    public String modelType() {
        return "qwen3_moe";
    }

    @Override
    public WeightFiles published(WeightFiles files) {
        return ExpertsLayout.QWEN.published(files);
    }

    @Override
    public DecoderSpec decoder(ModelConfig config) {
        var sizes = ExpertsLayout.sizes(config, config.size("moe_intermediate_size"), 8);
        boolean normalised = config.flag("norm_topk_prob", false);
        int step = config.optionalSize("decoder_sparse_step").orElse(1);
        Set<Integer> dense = denseLayers(config);
        boolean bias = config.flag("attention_bias", false);
        OptionalInt window = config.flag("use_sliding_window", false)
                ? config.sizeOrNull("sliding_window", 4096)
                : OptionalInt.empty();
        GatedUnitSpec.Activation.SILU.named(config, "hidden_act");
        LlamaLayout layout = new LlamaLayout(config)
                .defaults(32_768, 1e-6, false)
                .attentionBias(bias, bias)
                .headNorms()
                .windows(LayerTypes.uniform(config, window));
        return layout.feedForward((layer, block) -> dense.contains(layer) || (layer + 1) % step != 0
                        ? layout.gatedUnit(block)
                        : ExpertsLayout.QWEN.experts(block, sizes, normalised))
                .decoder();
    }

    private static Set<Integer> denseLayers(ModelConfig config) {
        Set<Integer> layers = new HashSet<>();
        JsonNode list = config.json().path("mlp_only_layers");
        boolean numbers = list.isArray();
        for (JsonNode layer : list) {
            numbers &= layer.isInt();
            layers.add(layer.asInt());
        }
        if (!numbers && !list.isMissingNode() && !list.isNull()) {
            throw config.wrong("mlp_only_layers", "it is " + list, "a list of layer numbers");
        }
        return layers;
    }
}
