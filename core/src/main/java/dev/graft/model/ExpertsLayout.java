package dev.graft.model;

import dev.graft.format.WeightFiles;
import dev.graft.nn.LinearLayout;
import dev.graft.nn.LinearLayout.Slice;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/// Names of a family's experts. Published files hold each expert's matrices apart; Transformers 5 stacks
/// them in memory, `mlp.experts.gate_up_proj` `[experts, 2 · inner, width]` and `mlp.experts.down_proj`
/// `[experts, width, inner]`, and so do files it saves with `save_original_format=False`. Adapters'
/// `target_parameters` name the stacked ones.
///
/// @param block  the layer of experts in published files: `block_sparse_moe` or `mlp`
/// @param gate   name of an expert's gate there, as `up` and `down`
enum ExpertsLayout {
    MIXTRAL("block_sparse_moe", "w1", "w3", "w2"),
    QWEN("mlp", "gate_proj", "up_proj", "down_proj");

    private static final Pattern STACKED =
            Pattern.compile("(model\\.layers\\.\\d+\\.)mlp\\.experts\\.(?:gate_up_proj|down_proj)");
    private static final Pattern ROUTER = Pattern.compile("(model\\.layers\\.\\d+\\.)mlp\\.gate\\.weight");

    private final String block;
    private final String gate;
    private final String up;
    private final String down;

    ExpertsLayout(String block, String gate, String up, String down) {
        this.block = block;
        this.gate = gate;
        this.up = up;
        this.down = down;
    }

    /// What a configuration says of its experts.
    ///
    /// @param inner    width inside an expert
    /// @param perToken experts each token passes through where the file does not say
    static Sizes sizes(ModelConfig config, int inner, int perToken) {
        // Transformers takes either name for either family
        String key = config.has("num_experts") ? "num_experts" : "num_local_experts";
        int experts = config.size(key);
        int chosen = config.optionalSize("num_experts_per_tok").orElse(perToken);
        if (chosen > experts) {
            throw config.wrong("num_experts_per_tok", "it is " + chosen, "at most the " + experts + " experts");
        }
        if (config.flag("output_router_logits", false)) {
            throw config.wrong(
                    "output_router_logits",
                    "it is true, which adds an auxiliary loss of the router in training",
                    "false: Graft trains without that loss");
        }
        return new Sizes(experts, chosen, config.size("hidden_size"), inner);
    }

    /// The experts of one block.
    ///
    /// @param prefix     of the block's names, `model.layers.N.`
    /// @param normalised whether what the chosen ones count for a token adds up to one
    ExpertsSpec experts(String prefix, Sizes sizes, boolean normalised) {
        LinearSpec router = new LinearSpec(
                prefix + block + ".gate",
                sizes.experts,
                sizes.width,
                false,
                LinearLayout.of(new Slice(prefix + "mlp.gate.weight", 1, 0, sizes.experts, 0)));
        return new ExpertsSpec(
                router,
                IntStream.range(0, sizes.experts)
                        .mapToObj(e -> expert(prefix, e, sizes))
                        .toList(),
                sizes.perToken,
                normalised);
    }

    /// @param inner width inside an expert
    record Sizes(int experts, int perToken, int width, int inner) {}

    private GatedUnitSpec expert(String prefix, int expert, Sizes sizes) {
        String own = prefix + block + ".experts." + expert + ".";
        String stacked = prefix + "mlp.experts.";
        int inner = sizes.inner;
        Slice gateSlice = new Slice(stacked + "gate_up_proj", sizes.experts, expert, 2 * inner, 0);
        Slice upSlice = new Slice(stacked + "gate_up_proj", sizes.experts, expert, 2 * inner, inner);
        Slice downSlice = new Slice(stacked + "down_proj", sizes.experts, expert, sizes.width, 0);
        return new GatedUnitSpec(
                List.of(
                        new LinearSpec(own + gate, inner, sizes.width, false, LinearLayout.of(gateSlice)),
                        new LinearSpec(own + up, inner, sizes.width, false, LinearLayout.of(upSlice))),
                new LinearSpec(own + down, sizes.width, inner, false, LinearLayout.of(downSlice)),
                inner,
                GatedUnitSpec.Activation.SILU);
    }

    /// Files as published, whichever form they have: stacked experts appear apart, at no cost.
    WeightFiles published(WeightFiles files) {
        if (files.names().stream().noneMatch(name -> STACKED.matcher(name).matches())) {
            return files;
        }
        Map<String, WeightFiles.View> views = new LinkedHashMap<>();
        for (String name : files.names()) {
            long[] shape = files.entry(name).shape();
            Matcher stacked = STACKED.matcher(name);
            List<String> parts = name.endsWith("gate_up_proj") ? List.of(gate, up) : List.of(down);
            if (stacked.matches() && shape.length == 3) {
                String experts = stacked.group(1) + block + ".experts.";
                for (int e = 0; e < shape[0]; e++) {
                    split(views, name, shape, e, experts + e + ".", parts);
                }
            } else {
                views.put(
                        ROUTER.matcher(name).replaceFirst("$1" + block + ".gate.weight"), WeightFiles.View.whole(name));
            }
        }
        return files.seenAs(views);
    }

    /// Cuts the rows of one expert's matrix into equal parts; what is left over is the last one's, to be
    /// found there.
    private static void split(
            Map<String, WeightFiles.View> views,
            String name,
            long[] shape,
            int expert,
            String own,
            List<String> parts) {
        long first = 0;
        for (int i = 0; i < parts.size(); i++) {
            long rows = i + 1 < parts.size() ? shape[1] / parts.size() : shape[1] - first;
            long element = (expert * shape[1] + first) * shape[2];
            views.put(own + parts.get(i) + ".weight", WeightFiles.View.part(name, element, rows, shape[2]));
            first += rows;
        }
    }
}
