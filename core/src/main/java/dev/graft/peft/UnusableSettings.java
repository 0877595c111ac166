package dev.graft.peft;

import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.format.FormatException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Settings of an `adapter_config.json` that Graft does not compute with, each with the reason and a way out.
/// Where such a setting stands at its default, it changes nothing and is read over.
final class UnusableSettings {
    private static final String RESIDUAL =
            "this start takes something away from the base weights, without which the factors mean something else;"
                    + " convert it in PEFT with save_pretrained(…, path_initial_model_for_weight_conversion=…)";
    private static final String RESEARCH = "a variant that Graft does not have; train with LoRA or DoRA";

    private static final Set<String> HONOURED = Set.of(
            "alpha_pattern",
            "bias",
            "ensure_weight_tying",
            "exclude_modules",
            "init_lora_weights",
            "layers_pattern",
            "layers_to_transform",
            "lora_alpha",
            "lora_bias",
            "lora_dropout",
            "modules_to_save",
            "peft_type",
            "r",
            "rank_pattern",
            "target_modules",
            "target_parameters",
            "task_type",
            "trainable_token_indices",
            "use_dora",
            "use_rslora");

    /// Settings that change nothing about how an adapter computes once it is trained.
    private static final Set<String> WITHOUT_EFFECT = Set.of(
            "auto_mapping",
            "base_model_name_or_path",
            "eva_config",
            "fan_in_fan_out", // PEFT corrects it by what the layers are, and we go by them alone
            "inference_mode",
            "loftq_config",
            "megatron_core",
            "peft_version",
            "qalora_group_size",
            "revision",
            "runtime_config");

    /// What is known of the others.
    private static final Map<String, String> REASONS = Map.ofEntries(
            Map.entry("alora_invocation_tokens", "activated LoRA works on some tokens of a text only; " + RESEARCH),
            Map.entry("arrow_config", RESEARCH),
            Map.entry("corda_config", RESIDUAL),
            Map.entry("kasa_config", RESEARCH),
            Map.entry("layer_replication", "it runs layers of the model more than once; expand the base model instead"),
            Map.entry("lora_ga_config", RESIDUAL),
            Map.entry("megatron_config", "it is for layers of Megatron; train without"),
            Map.entry("monteclora_config", RESEARCH),
            Map.entry("use_bdlora", RESEARCH),
            Map.entry("use_qalora", "it averages the input in groups before A; train with LoRA on a quantised base"),
            Map.entry("velora_config", RESEARCH));

    private static final Set<String> KNOWN_TASKS = Set.of("CAUSAL_LM");

    private UnusableSettings() {}

    static void requireNone(Path file, JsonNode config) {
        String type = config.path("peft_type").asText("");
        if (!type.equals("LORA")) {
            String found = config.has("peft_type") ? "is \"" + type + "\"" : "is missing";
            throw refused(file, List.of("peft_type " + found + ": Graft reads adapters of the type LORA"));
        }
        List<String> faults = new ArrayList<>();
        config.properties().forEach(entry -> {
            String key = entry.getKey();
            if (!HONOURED.contains(key) && !WITHOUT_EFFECT.contains(key) && !isUnset(entry.getValue())) {
                faults.add("%s is %s: %s"
                        .formatted(
                                key,
                                entry.getValue(),
                                REASONS.getOrDefault(
                                        key, "Graft does not know this setting; newer PEFT may have added it")));
            }
        });
        init(config, faults);
        task(config, faults);
        if (!faults.isEmpty()) {
            throw refused(file, faults);
        }
    }

    /// Ways to begin that leave the base weights as they are make no difference to a trained adapter.
    /// What PiSSA and OLoRA took from them is computed again from the base, and so is the base that
    /// LoftQ left.
    private static void init(JsonNode config, List<String> faults) {
        JsonNode init = config.path("init_lora_weights");
        if (init.isMissingNode() || init.isNull() || init.isBoolean()) {
            return;
        }
        String name = init.asText();
        if (Set.of("gaussian", "eva", "orthogonal", "mica", "pissa", "olora", "loftq")
                .contains(name)) {
            return;
        }
        if (name.startsWith("pissa") || Set.of("corda", "lora_ga").contains(name)) {
            faults.add("init_lora_weights is \"%s\": %s".formatted(name, RESIDUAL));
        } else {
            faults.add("init_lora_weights is %s: Graft knows true, false, gaussian and orthogonal".formatted(init));
        }
    }

    private static void task(JsonNode config, List<String> faults) {
        JsonNode task = config.path("task_type");
        if (!task.isMissingNode() && !task.isNull() && !KNOWN_TASKS.contains(task.asText())) {
            faults.add(
                    "task_type is %s: it belongs to a model with another head; Graft runs causal language models (CAUSAL_LM)"
                            .formatted(task));
        }
    }

    private static boolean isUnset(JsonNode value) {
        return value.isNull()
                || (value.isBoolean() && !value.asBoolean())
                || (value.isContainerNode() && value.isEmpty());
    }

    private static FormatException refused(Path file, List<String> faults) {
        return new FormatException(
                file,
                String.join("; ", faults),
                "settings that Graft computes with",
                "Ignoring this would compute something else than was trained, so Graft stops here.");
    }
}
