package dev.graft.cli;

import dev.graft.peft.Extras;
import dev.graft.peft.Lora;
import dev.graft.peft.Selection;
import dev.graft.peft.Targets;
import dev.graft.peft.TrainableTokens;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/// The section `adapter` of a recipe as settings of LoRA, and those settings in a few words.
final class LoraSettings {
    private static final String NITER = "pissa_niter_";

    private static final String BITS = "loftq_bits";
    private static final String ITERATIONS = "loftq_iter";

    /// Values of `init_lora_weights`.
    static final String INITS = "true, gaussian, orthogonal, pissa, pissa_niter_N, olora, loftq, false";

    private LoraSettings() {}

    static boolean isInit(String name) {
        return name.matches(NITER + "[1-9][0-9]{0,2}")
                || !name.endsWith("N") && List.of(INITS.split(", ")).contains(name);
    }

    private static Lora.Init init(String name) {
        return switch (name) {
            case "true" -> Lora.Init.DEFAULT;
            case "false" -> Lora.Init.RANDOM;
            default -> Lora.Init.valueOf((name.startsWith(NITER) ? "pissa" : name).toUpperCase(Locale.ROOT));
        };
    }

    static Lora of(Recipe.Adapter adapter) {
        String init = adapter.initLoraWeights();
        return new Lora(
                adapter.rank(),
                adapter.loraAlpha(),
                adapter.loraDropout(),
                new Selection(
                        targets(adapter.targetModules()),
                        targets(adapter.excludeModules()),
                        adapter.layersToTransform(),
                        adapter.layersPattern(),
                        adapter.targetParameters()),
                adapter.rankPattern(),
                adapter.alphaPattern(),
                adapter.useRslora(),
                adapter.useDora(),
                adapter.loraBias(),
                Lora.Bias.valueOf(adapter.bias().name()),
                init(init),
                init.startsWith(NITER)
                        ? Integer.parseInt(init.substring(NITER.length()))
                        : adapter.loftqConfig().getOrDefault(ITERATIONS, 0),
                new Extras(
                        adapter.modulesToSave(), tokens(adapter.trainableTokenIndices()), adapter.ensureWeightTying()));
    }

    /// Checks `loftq_config` by itself.
    static void requireLoftq(String init, Map<String, Integer> config) {
        if (!config.isEmpty() && !init.equals("loftq")) {
            throw new IllegalArgumentException(
                    "adapter.loftq_config is %s, but adapter.init_lora_weights is %s; it goes with loftq only"
                            .formatted(config, init));
        }
        config.keySet().stream()
                .filter(key -> !List.of(BITS, ITERATIONS).contains(key))
                .findFirst()
                .ifPresent(key -> {
                    throw new IllegalArgumentException("adapter.loftq_config has no key \"%s\"; it has %s and %s"
                            .formatted(key, BITS, ITERATIONS));
                });
        if (config.getOrDefault(ITERATIONS, 1) < 1 || !List.of(4, 8).contains(config.getOrDefault(BITS, 4))) {
            throw new IllegalArgumentException("adapter.loftq_config is %s; expected %s 4 or 8, and %s 1 or more"
                    .formatted(config, BITS, ITERATIONS));
        }
    }

    /// Checks it with the base: PEFT's 4 bits are NF4, its 8 bits LLM.int8().
    static void requireLoftqBits(Recipe.Adapter adapter, Quantization quantization) {
        Map<String, Integer> config = adapter.loftqConfig();
        if (config.isEmpty()) {
            return;
        }
        int bits = config.getOrDefault(BITS, quantization.loadIn8bit() ? 8 : 4);
        boolean nf4 = quantization.loadIn4bit() && quantization.bnb4bitQuantType() == Quantization.FourBits.NF4;
        if (!(bits == 4 ? nf4 : quantization.loadIn8bit())) {
            throw new IllegalArgumentException("adapter.loftq_config is %s; %d bits need quantization: {%s}"
                    .formatted(
                            config,
                            bits,
                            bits == 4 ? "load_in_4bit: true, bnb_4bit_quant_type: nf4" : "load_in_8bit: true"));
        }
    }

    private static Targets targets(Recipe.Modules modules) {
        return switch (modules) {
            case Recipe.Modules.AllLinear() -> Targets.allLinear();
            case Recipe.Modules.Named(var names) when names.isEmpty() -> Targets.none();
            case Recipe.Modules.Named(var names) -> new Targets.Names(names);
            case Recipe.Modules.Matching(var regex) -> new Targets.Regex(regex);
        };
    }

    private static TrainableTokens tokens(Recipe.Tokens tokens) {
        return switch (tokens) {
            case Recipe.Tokens.OfEmbedding(var list) when list.isEmpty() -> TrainableTokens.NONE;
            case Recipe.Tokens.OfEmbedding(var list) -> TrainableTokens.of(list.toArray(Integer[]::new));
            case Recipe.Tokens.ByModule(var modules) -> TrainableTokens.of(modules);
        };
    }

    /// `DoRA r=16 alpha=32 on 28 layers, lm_head whole`.
    static String described(Lora settings, int layers) {
        List<String> words = new ArrayList<>();
        words.add("%s r=%d%s alpha=%s%s on %d layers"
                .formatted(
                        settings.useDora() ? "DoRA" : settings.useRslora() ? "rsLoRA" : "LoRA",
                        settings.r(),
                        settings.rankPattern().isEmpty() ? "" : "…",
                        RunSummary.number(settings.alpha()),
                        settings.alphaPattern().isEmpty() ? "" : "…",
                        layers));
        Extras extras = settings.extras();
        if (!extras.modulesToSave().isEmpty()) {
            words.add(String.join(" and ", extras.modulesToSave()) + " whole");
        }
        if (!extras.tokens().equals(TrainableTokens.NONE)) {
            words.add("single tokens");
        }
        if (settings.bias() != Lora.Bias.NONE) {
            words.add(settings.bias() == Lora.Bias.ALL ? "every bias" : "their biases");
        }
        return String.join(", ", words);
    }
}
