package dev.graft.cli;

import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.format.FormatException;
import dev.graft.format.WeightFiles;
import dev.graft.model.Architecture;
import dev.graft.model.Architectures;
import dev.graft.model.ModelConfig;
import dev.graft.tensor.Shapes;
import dev.graft.tokenizer.Tokenizer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/// Describes a model folder, also one of an architecture that Graft does not run.
final class ModelInspection {
    private final Path directory;
    private final ModelConfig config;
    private final Inspection found;

    private ModelInspection(Path directory) {
        this.directory = directory;
        this.config = ModelConfig.read(directory);
        this.found = new Inspection("model", directory);
    }

    static Inspection of(Path directory) {
        var inspection = new ModelInspection(directory);
        inspection.addConfig();
        inspection.addTokenizer();
        inspection.addWeights();
        return inspection.found;
    }

    private void addConfig() {
        String type = config.json().path("model_type").asText("unknown");
        Optional<String> refusal = refusal();
        found.add(
                "architecture",
                type
                        + refusal.map(reason -> ", which Graft does not run (" + reason + ")")
                                .orElse(""),
                type);
        List<String> parts = new ArrayList<>();
        addPart(parts, "num_hidden_layers", "%s layers");
        addPart(parts, "hidden_size", "width %s");
        addPart(parts, "num_attention_heads", "%s heads");
        addPart(parts, "num_key_value_heads", "%s of keys and values");
        addPart(parts, "intermediate_size", "feed-forward %s");
        if (!parts.isEmpty()) {
            found.add("shape", String.join(", ", parts), numbers());
        }
        boolean tied = config.json().path("tie_word_embeddings").asBoolean();
        if (refusal.isEmpty()) {
            Architecture architecture = Architectures.of(config);
            found.add("attention", architecture.attention(config), architecture.attention(config));
            tied = architecture.isTied(config);
        }
        addNumber("vocabulary", "vocab_size", tied ? ", head tied to the embedding" : "");
        addNumber("context", "max_position_embeddings", "");
    }

    /// Why Graft cannot run this configuration.
    private Optional<String> refusal() {
        try {
            Architectures.of(config).tensors(config);
            return Optional.empty();
        } catch (FormatException e) {
            return Optional.of(
                    e.getMessage().replaceFirst("^.*?config\\.json: ", "").replaceFirst("\\. Graft cannot.*", ""));
        }
    }

    private void addPart(List<String> parts, String key, String words) {
        JsonNode value = config.value(key);
        if (value.isIntegralNumber()) {
            parts.add(words.formatted(Facts.count(value.asLong())));
        }
    }

    private Map<String, Object> numbers() {
        Map<String, Object> numbers = new LinkedHashMap<>();
        config.json().properties().forEach(field -> {
            if (field.getValue().isIntegralNumber() && !field.getKey().endsWith("_token_id")) {
                numbers.put(field.getKey(), field.getValue().asLong());
            }
        });
        return numbers;
    }

    private void addNumber(String name, String key, String more) {
        JsonNode value = config.value(key);
        if (value.isIntegralNumber()) {
            found.add(name, Facts.count(value.asLong(), "token") + more, value.asLong());
        }
    }

    private void addTokenizer() {
        if (!Files.exists(directory.resolve("tokenizer.json")) && !Files.exists(directory.resolve("tokenizer.model"))) {
            found.add("tokenizer", "none: no tokenizer.json", null);
            return;
        }
        try (Tokenizer tokenizer = Tokenizer.load(directory)) {
            boolean chats = tokenizer.chatTemplate().isPresent();
            String text = "%s, %s chat template"
                    .formatted(Facts.count(tokenizer.vocabularySize(), "token"), chats ? "with a" : "no");
            Map<String, Object> value = new LinkedHashMap<>();
            value.put("tokens", tokenizer.vocabularySize());
            value.put("chat_template", chats);
            value.put("stop_ids", tokenizer.stopIds());
            found.add("tokenizer", text, value);
        } catch (IllegalArgumentException e) {
            found.add("tokenizer", "cannot be used: " + e.getMessage(), Map.of("fault", e.getMessage()));
        }
    }

    private void addWeights() {
        if (!hasWeights()) {
            found.add("weights", "none here; " + expected(), null);
            return;
        }
        try (WeightFiles weights = WeightFiles.open(directory)) {
            String files = weights.files().size() == 1
                    ? weights.files().getFirst().getFileName().toString()
                    : Facts.count(weights.files().size(), "file");
            found.add(
                    "weights",
                    files,
                    weights.files().stream()
                            .map(file -> file.getFileName().toString())
                            .toList());
            found.addTensors("parameters", Inspections.entries(weights));
        }
    }

    private boolean hasWeights() {
        try (Stream<Path> inside = Files.list(directory)) {
            return inside.anyMatch(file ->
                    file.getFileName().toString().matches(".*\\.(safetensors|safetensors\\.index\\.json|bin|pt|pth)"));
        } catch (IOException e) {
            throw new UncheckedIOException("cannot list " + directory, e);
        }
    }

    private String expected() {
        if (refusal().isPresent()) {
            return "config.json alone";
        }
        Map<String, long[]> tensors = Architectures.of(config).tensors(config);
        long total = tensors.values().stream().mapToLong(Shapes::elements).sum();
        return "config.json describes %s parameters in %s"
                .formatted(Facts.count(total), Facts.count(tensors.size(), "tensor"));
    }
}
