package dev.graft.peft;

import dev.graft.format.Json;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/// Writes `adapter_config.json` as PEFT 0.21 does: every setting, keys sorted. Only `peft_version` is
/// left out, for it was not PEFT that wrote it.
final class AdapterConfigWriter {
    private static final List<String> NULL = List.of(
            "alora_invocation_tokens",
            "arrow_config",
            "auto_mapping",
            "corda_config",
            "eva_config",
            "kasa_config",
            "layer_replication",
            "lora_ga_config",
            "megatron_config",
            "monteclora_config",
            "revision",
            "use_bdlora",
            "velora_config");

    private AdapterConfigWriter() {}

    /// The file's content.
    ///
    /// @param model that was adapted, for what `all-linear` meant
    static String write(Lora settings, AdaptedModel model, String baseModel) {
        ModuleNames modules = model.modules;
        Map<String, Object> config = new TreeMap<>();
        NULL.forEach(key -> config.put(key, null));
        config.put("fan_in_fan_out", model.adapted.keySet().stream().anyMatch(model.transposed::contains));
        config.put("inference_mode", true);
        config.put("loftq_config", LoftqConfig.of(settings, model.packedAs));
        config.put("megatron_core", "megatron.core");
        config.put("peft_type", "LORA");
        config.put("qalora_group_size", 16);
        config.put("task_type", "CAUSAL_LM");
        config.put("use_qalora", false);

        config.put("alpha_pattern", numbers(settings.alphaPattern()));
        config.put("base_model_name_or_path", baseModel);
        config.put("bias", settings.bias().name().toLowerCase(Locale.ROOT));
        config.put("ensure_weight_tying", settings.extras().ensureWeightTying());
        config.put("exclude_modules", targets(settings.selection().excluded(), modules));
        config.put("init_lora_weights", LoftqConfig.isWritten(settings) ? "loftq" : initName(settings.init()));
        config.put("layers_pattern", orNull(settings.selection().patterns()));
        config.put("layers_to_transform", orNull(settings.selection().layers()));
        config.put("lora_alpha", number(settings.alpha()));
        config.put("lora_bias", settings.loraBias());
        config.put("lora_dropout", settings.dropout());
        config.put("modules_to_save", orNull(modulesToSave(settings.extras(), model)));
        config.put("r", settings.r());
        config.put("rank_pattern", new TreeMap<>(settings.rankPattern()));
        config.put("target_modules", targetModules(settings.selection().targets(), model));
        config.put("target_parameters", orNull(targetParameters(settings, model)));
        config.put("trainable_token_indices", tokens(settings.extras().tokens()));
        config.put("use_dora", settings.useDora());
        config.put("use_rslora", settings.useRslora());
        return Json.pretty(config);
    }

    private static Object targetModules(Targets targets, AdaptedModel model) {
        if (targets instanceof Targets.None) {
            return List.of(); // without a list PEFT would choose layers itself
        }
        List<String> others = model.namedLikeExperts();
        // of models with experts, PEFT takes from an expression nothing but the last parts of the names
        boolean spelledOut = !others.isEmpty() || (targets instanceof Targets.Regex && !model.slices.isEmpty());
        return spelledOut
                ? model.modules.shortened(model.adapted.keySet().stream()
                        .filter(layer -> !others.contains(layer))
                        .toList())
                : targets(targets, model.modules);
    }

    /// Those of the settings, and the weights of layers that PEFT would not find in `target_modules`.
    private static List<String> targetParameters(Lora settings, AdaptedModel model) {
        return Stream.concat(
                        settings.selection().parameters().stream(),
                        model.namedLikeExperts().stream().map(layer -> layer + ".weight"))
                .sorted()
                .toList();
    }

    private static Object targets(Targets targets, ModuleNames modules) {
        return switch (targets) {
            case Targets.AllLinear _ -> modules.shortened(modules.of(ModuleNames.Kind.LINEAR));
            case Targets.Names names -> modules.shortened(names.names());
            case Targets.Regex regex -> regex.pattern();
            case Targets.None _ -> null;
        };
    }

    /// With `ensure_weight_tying` PEFT adds the full name of the embedding that is shared.
    private static List<String> modulesToSave(Extras extras, AdaptedModel model) {
        List<String> modules = new ArrayList<>(extras.modulesToSave());
        if (extras.ensureWeightTying() && !modules.isEmpty()) {
            model.tiedTo.filter(name -> !modules.contains(name)).ifPresent(modules::add);
        }
        return modules;
    }

    private static Object tokens(TrainableTokens tokens) {
        if (tokens.embedding().isPresent()) {
            return tokens.embedding().get();
        }
        return tokens.modules().isEmpty() ? null : new TreeMap<>(tokens.modules());
    }

    private static Object orNull(List<?> values) {
        return values.isEmpty() ? null : values;
    }

    private static Map<String, Object> numbers(Map<String, Double> values) {
        Map<String, Object> numbers = new TreeMap<>();
        values.forEach((key, value) -> numbers.put(key, number(value)));
        return numbers;
    }

    private static Object initName(Lora.Init init) {
        return switch (init) {
            case DEFAULT, LOFTQ -> true; // what LoftQ began from is the same quantised base
            case RANDOM -> false;
            case PISSA, OLORA -> throw new IllegalStateException("saved as an adapter of the untouched base");
            case GAUSSIAN, ORTHOGONAL -> init.name().toLowerCase(Locale.ROOT);
        };
    }

    private static Number number(double value) {
        return value == Math.rint(value) && Math.abs(value) < 1e15 ? (Number) (long) value : (Number) value;
    }
}
