package dev.graft.peft;

import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.format.FormatException;
import dev.graft.format.Json;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/// `adapter_config.json` as PEFT writes and reads it. A setting Graft does not honour is refused by name: ignoring it
/// would compute something else than the adapter's author trained.
final class AdapterConfig {
    static final String FILE = "adapter_config.json";

    /// Settings that change nothing about how an adapter computes once it is trained.
    private static final Set<String> WITHOUT_EFFECT = Set.of(
            "auto_mapping",
            "base_model_name_or_path",
            "inference_mode",
            "loftq_config",
            "megatron_core",
            "peft_version",
            "qalora_group_size",
            "revision",
            "runtime_config");

    /// Ways to begin that leave the base weights as they are. The others (PiSSA, OLoRA, LoftQ, CorDA, LoRA-GA) also
    /// take
    /// something away from the base, without which the factors mean something else.
    private static final Set<String> HARMLESS_INITS = Set.of("true", "false", "gaussian", "eva", "orthogonal");

    private static final Set<String> HONOURED = Set.of(
            "peft_type",
            "task_type",
            "r",
            "lora_alpha",
            "lora_dropout",
            "target_modules",
            "exclude_modules",
            "use_rslora",
            "modules_to_save");

    private AdapterConfig() {}

    /// The file's content; keys sorted and complete, as PEFT's own.
    static String write(Lora settings, List<String> allLinear, String baseModel) {
        Map<String, Object> config = new TreeMap<>();
        for (String absent : List.of(
                "alora_invocation_tokens",
                "arrow_config",
                "auto_mapping",
                "corda_config",
                "eva_config",
                "exclude_modules",
                "kasa_config",
                "layer_replication",
                "layers_pattern",
                "layers_to_transform",
                "lora_ga_config",
                "megatron_config",
                "modules_to_save",
                "monteclora_config",
                "revision",
                "target_parameters",
                "trainable_token_indices",
                "use_bdlora",
                "velora_config")) {
            config.put(absent, null);
        }
        for (String off : List.of("ensure_weight_tying", "fan_in_fan_out", "lora_bias", "use_dora", "use_qalora")) {
            config.put(off, false);
        }
        for (String empty : List.of("alpha_pattern", "loftq_config", "rank_pattern")) {
            config.put(empty, Map.of());
        }
        config.put("base_model_name_or_path", baseModel);
        config.put("bias", "none");
        config.put("inference_mode", true);
        config.put("init_lora_weights", initName(settings.init()));
        config.put("lora_alpha", number(settings.alpha()));
        config.put("lora_dropout", settings.dropout());
        config.put("megatron_core", "megatron.core");
        config.put("peft_type", "LORA");
        config.put("qalora_group_size", 16);
        config.put("r", settings.r());
        config.put("target_modules", write(settings.targets(), allLinear));
        config.put("task_type", "CAUSAL_LM");
        config.put("use_rslora", settings.useRslora());
        if (!(settings.excluded() instanceof Targets.None)) {
            config.put("exclude_modules", write(settings.excluded(), allLinear));
        }
        if (!settings.modulesToSave().isEmpty()) {
            config.put("modules_to_save", settings.modulesToSave());
        }
        return Json.pretty(config);
    }

    private static Object write(Targets targets, List<String> allLinear) {
        return switch (targets) {
            case Targets.AllLinear ignored -> allLinear;
            case Targets.Names names -> names.names();
            case Targets.Regex regex -> regex.pattern();
            case Targets.None ignored -> null;
        };
    }

    private static Object initName(Lora.Init init) {
        return switch (init) {
            case DEFAULT -> true;
            case GAUSSIAN -> "gaussian";
            case RANDOM -> false;
        };
    }

    private static Number number(double value) {
        return value == Math.rint(value) && Math.abs(value) < 1e15 ? (Number) (long) value : (Number) value;
    }

    /// Reads the settings of an adapter directory.
    static Lora read(Path directory) {
        Path file = directory.resolve(FILE);
        JsonNode config = Json.readObject(file, "a PEFT adapter directory with " + FILE);
        String type = config.path("peft_type").asText("");
        if (!type.equals("LORA")) {
            throw refused(file, List.of("peft_type is \"" + type + "\""), "LORA");
        }
        requireHonoured(file, config);
        return new Lora(
                integer(file, config, "r", 8),
                number(file, config, "lora_alpha", 8),
                number(file, config, "lora_dropout", 0),
                targets(file, config, "target_modules"),
                targets(file, config, "exclude_modules"),
                flag(file, config, "use_rslora"),
                Lora.Init.DEFAULT,
                strings(config.path("modules_to_save")));
    }

    private static void requireHonoured(Path file, JsonNode config) {
        List<String> faults = new ArrayList<>();
        Map<String, JsonNode> fields = new LinkedHashMap<>();
        config.properties().forEach(e -> fields.put(e.getKey(), e.getValue()));
        fields.forEach((key, value) -> {
            boolean unset = value.isNull()
                    || (value.isBoolean() && !value.asBoolean())
                    || (value.isContainerNode() && value.isEmpty())
                    || (key.equals("bias") && value.asText().equals("none"))
                    || (key.equals("init_lora_weights") && HARMLESS_INITS.contains(value.asText()));
            if (!unset && !HONOURED.contains(key) && !WITHOUT_EFFECT.contains(key)) {
                faults.add(key + " is " + value);
            }
        });
        String task = config.path("task_type").asText("CAUSAL_LM");
        if (!config.path("task_type").isNull() && !task.equals("CAUSAL_LM")) {
            faults.add("task_type is \"" + task + "\"");
        }
        if (!faults.isEmpty()) {
            throw refused(file, faults, "settings that Graft computes with");
        }
    }

    private static FormatException refused(Path file, List<String> faults, String expected) {
        return new FormatException(
                file,
                String.join("; ", faults),
                expected,
                "Ignoring this would compute something else than was trained, so Graft stops here.");
    }

    private static Targets targets(Path file, JsonNode config, String key) {
        JsonNode value = config.path(key);
        if (value.isTextual()) {
            return value.asText().equalsIgnoreCase("all-linear")
                    ? Targets.allLinear()
                    : new Targets.Regex(value.asText());
        }
        if (value.isArray() && !value.isEmpty()) {
            return new Targets.Names(strings(value));
        }
        if (key.equals("target_modules")
                && strings(config.path("modules_to_save")).isEmpty()) {
            throw new FormatException(
                    file,
                    "target_modules is " + value,
                    "a list, a regular expression or \"all-linear\"",
                    "Name the layers.");
        }
        return Targets.none();
    }

    private static List<String> strings(JsonNode array) {
        List<String> result = new ArrayList<>();
        array.forEach(item -> result.add(item.asText()));
        return result;
    }

    private static int integer(Path file, JsonNode config, String key, int otherwise) {
        double value = number(file, config, key, otherwise);
        if (value != Math.rint(value)) {
            throw new FormatException(file, key + " is " + value, "a whole number", "Correct it.");
        }
        return (int) value;
    }

    private static double number(Path file, JsonNode config, String key, double otherwise) {
        JsonNode value = config.path(key);
        if (value.isMissingNode() || value.isNull()) {
            return otherwise;
        }
        if (!value.isNumber()) {
            throw new FormatException(file, key + " is " + value, "a number", "Correct it.");
        }
        return value.asDouble();
    }

    private static boolean flag(Path file, JsonNode config, String key) {
        JsonNode value = config.path(key);
        if (!value.isMissingNode() && !value.isNull() && !value.isBoolean()) {
            throw new FormatException(file, key + " is " + value, "true or false", "Correct it.");
        }
        return value.asBoolean(false);
    }
}
