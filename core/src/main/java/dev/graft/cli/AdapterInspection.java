package dev.graft.cli;

import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.format.AdapterWeights;
import dev.graft.format.Json;
import dev.graft.format.Safetensors.Entry;
import dev.graft.format.WeightFiles;
import dev.graft.peft.Origin;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;

/// What `graft inspect` says of the folder of an adapter: its method, where it sits, and how large it
/// is. Also of adapters that Graft does not run.
final class AdapterInspection {
    /// Settings that are shown where they say something.
    private static final List<String> SHOWN = List.of(
            "lora_alpha",
            "alpha_pattern",
            "lora_dropout",
            "target_modules",
            "target_parameters",
            "exclude_modules",
            "layers_to_transform",
            "layers_pattern",
            "bias",
            "lora_bias",
            "modules_to_save",
            "trainable_token_indices",
            "ensure_weight_tying",
            "fan_in_fan_out",
            "base_model_name_or_path");

    private AdapterInspection() {}

    static Inspection of(Path directory) {
        JsonNode config = Json.readObject(directory.resolve(AdapterWeights.CONFIG), "a PEFT adapter's settings");
        var found = new Inspection("adapter", directory);
        found.add("peft_type", config.path("peft_type").asText("none"));
        if (config.hasNonNull("task_type")) {
            found.add("task_type", config.get("task_type").asText());
        }
        found.add("method", method(config));
        found.add("r", Inspections.plain(config.path("r")));
        if (says(config.path("rank_pattern"))) {
            found.add("rank_pattern", Inspections.plain(config.get("rank_pattern")));
        }
        for (String key : SHOWN) {
            if (says(config.path(key))) {
                found.add(key, Inspections.plain(config.get(key)));
            }
        }
        if (config.path("init_lora_weights").isTextual()) {
            found.add("init_lora_weights", config.get("init_lora_weights").asText());
        }
        addOrigin(found, directory);
        Path pickle = directory.resolve("adapter_model.bin");
        Path file = AdapterWeights.file(directory);
        if (!Files.exists(file) && Files.exists(pickle)) {
            WeightFiles.openFile(pickle).close(); // says what to do with it
        }
        try (AdapterWeights weights = AdapterWeights.open(directory)) {
            List<Entry> entries = weights.names().stream().map(weights::entry).toList();
            addLayers(found, entries);
            return found.addTensors("parameters", entries);
        }
    }

    private static void addOrigin(Inspection found, Path directory) {
        Path origin = directory.resolve(Origin.FILE);
        if (Files.exists(origin)) {
            Json.readObject(origin, "the origin of an adapter").properties().stream()
                    .filter(field -> !field.getKey().equals("format"))
                    .forEach(field -> found.add(field.getKey(), Inspections.plain(field.getValue())));
        }
    }

    /// The field's name for what the settings describe.
    private static String method(JsonNode config) {
        if (!config.path("peft_type").asText().equals("LORA")) {
            return config.path("peft_type").asText("unknown");
        }
        String method = config.path("use_dora").asBoolean() ? "DoRA" : "LoRA";
        return config.path("use_rslora").asBoolean() ? "rank-stabilised " + method : method;
    }

    /// Whether a setting is at something else than its usual nothing.
    private static boolean says(JsonNode value) {
        if (value.isMissingNode() || value.isNull() || value.isContainerNode() && value.isEmpty()) {
            return false;
        }
        return value.isBoolean() ? value.asBoolean() : !value.asText().equals("none");
    }

    /// How many layers have which rank, from the factors themselves.
    private static void addLayers(Inspection found, List<Entry> entries) {
        Map<Long, Integer> layers = new TreeMap<>();
        TreeSet<String> modules = new TreeSet<>();
        for (Entry entry : entries) {
            if (entry.name().matches(".*\\.lora_(embedding_)?A(\\.weight)?")) {
                layers.merge(entry.shape()[0], 1, Integer::sum);
                modules.add(entry.name().replaceFirst(".*\\.([^.]+)\\.lora_.*", "$1"));
            }
        }
        if (!layers.isEmpty()) {
            String text = layers.entrySet().stream()
                    .map(one -> "rank %d on %s".formatted(one.getKey(), Facts.count(one.getValue(), "layer")))
                    .collect(Collectors.joining(", "));
            found.add("layers", "%s (%s)".formatted(text, String.join(", ", modules)), layers);
        }
    }
}
