package dev.graft.model;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.format.FormatException;
import dev.graft.format.Gguf;
import dev.graft.format.Json;
import dev.graft.format.Llama2c;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/// A model's `config.json`, read the way Transformers reads it. Keys nobody here asks for are normal and
/// stay unread.
public final class ModelConfig {
    private static final ObjectMapper JSON = new ObjectMapper();

    /// What GPT-2's configuration calls settings that others name alike, as Transformers'
    /// `attribute_map` has it.
    private static final Map<String, String> OLDER_NAMES = Map.of(
            "hidden_size", "n_embd",
            "num_hidden_layers", "n_layer",
            "num_attention_heads", "n_head",
            "max_position_embeddings", "n_positions",
            "intermediate_size", "n_inner");

    private final Path file;
    private final String section;
    private final JsonNode root;

    private ModelConfig(Path file, String section, JsonNode root) {
        this.file = file;
        this.section = section;
        this.root = root;
    }

    /// The configuration of a model: `config.json` of a directory, or what a `.gguf` or `.bin` file says
    /// in its terms.
    public static ModelConfig read(Path directory) {
        if (Gguf.isNamedSo(directory) || Llama2c.isNamedSo(directory)) {
            try (ModelSource source = ModelSource.open(directory)) {
                return source.config();
            }
        }
        Path file = directory.resolve("config.json");
        if (!Files.isRegularFile(file)) {
            throw new FormatException(
                    directory,
                    Files.isDirectory(directory) ? "there is no config.json in it" : "there is no such directory",
                    "a Hugging Face model directory (config.json, tokenizer.json, model.safetensors)",
                    "Check the path.");
        }
        return new ModelConfig(file, "", Json.readObject(file, "the model's configuration"));
    }

    /// A configuration made from another kind of file.
    ///
    /// @param file that messages name
    public static ModelConfig of(Path file, Map<String, Object> settings) {
        return new ModelConfig(file, "", JSON.valueToTree(settings));
    }

    /// The file that messages name.
    public Path file() {
        return file;
    }

    /// The whole file.
    public JsonNode json() {
        return root;
    }

    /// The settings under a key; none where it is missing or null.
    ModelConfig section(String key) {
        JsonNode value = root.get(key);
        if (value == null || value.isNull()) {
            return new ModelConfig(file, section + key + ".", JSON.createObjectNode());
        }
        if (!value.isObject()) {
            throw wrong(key, "it is " + value, "settings in braces");
        }
        return new ModelConfig(file, section + key + ".", value);
    }

    /// The same settings but for one.
    ModelConfig with(String key, Object value) {
        ObjectNode changed = root.deepCopy();
        changed.set(key, JSON.valueToTree(value));
        return new ModelConfig(file, section, changed);
    }

    /// The same settings with one more, unless it is there.
    public ModelConfig withDefault(String key, Object value) {
        return has(key) ? this : with(key, value);
    }

    /// `model_type`, which names the architecture.
    ///
    /// @throws FormatException where it is missing
    public String modelType() {
        return text("model_type")
                .orElseThrow(() -> wrong("model_type", "it is missing", "a model type such as \"llama\""));
    }

    /// Whether a key is there and not null.
    public boolean has(String key) {
        return root.hasNonNull(key);
    }

    /// A text; empty where it is missing or null.
    public Optional<String> text(String key) {
        JsonNode value = root.get(key);
        if (value == null || value.isNull()) {
            return Optional.empty();
        }
        if (!value.isTextual()) {
            throw wrong(key, "it is " + value, "text");
        }
        return Optional.of(value.asText());
    }

    /// The value under a key, or under the name that older configurations have for it; missing where
    /// there is none.
    public JsonNode value(String key) {
        boolean older = !root.has(key) && OLDER_NAMES.containsKey(key);
        return root.path(older ? OLDER_NAMES.get(key) : key);
    }

    /// A positive whole number that must be there.
    public int size(String key) {
        return optionalSize(key).orElseThrow(() -> wrong(key, "it is missing", "a positive whole number"));
    }

    /// A positive whole number; empty where it is missing or null.
    public OptionalInt optionalSize(String key) {
        JsonNode value = value(key);
        if (value.isMissingNode() || value.isNull()) {
            return OptionalInt.empty();
        }
        if (!value.isIntegralNumber() || !value.canConvertToInt() || value.asInt() < 1) {
            throw wrong(key, "it is " + value, "a positive whole number");
        }
        return OptionalInt.of(value.asInt());
    }

    /// A positive whole number, or empty where the key is null.
    ///
    /// @param otherwise where there is no such key
    OptionalInt sizeOrNull(String key, int otherwise) {
        return root.has(key) ? optionalSize(key) : OptionalInt.of(otherwise);
    }

    /// A whole number that may be zero.
    int wholeNumber(String key, int otherwise) {
        double value = number(key, otherwise);
        if (value != Math.rint(value) || value < 0 || value > Integer.MAX_VALUE) {
            throw wrong(key, "it is " + root.get(key), "a whole number, at least 0");
        }
        return (int) value;
    }

    /// A number.
    ///
    /// @param otherwise where it is missing or null
    public double number(String key, double otherwise) {
        return number(key).orElse(otherwise);
    }

    /// A number, or 0 where the key is null.
    ///
    /// @param otherwise where there is no such key
    double numberOrNull(String key, double otherwise) {
        return number(key, root.has(key) ? 0 : otherwise);
    }

    Optional<Double> number(String key) {
        JsonNode value = root.get(key);
        return value == null || value.isNull() ? Optional.empty() : Optional.of(number(key, value));
    }

    private double number(String key, JsonNode value) {
        if (!value.isNumber() || !Double.isFinite(value.asDouble())) {
            throw wrong(key, "it is " + value, "a number");
        }
        return value.asDouble();
    }

    /// A list of numbers that must be there.
    double[] numbers(String key) {
        return list(key).orElseThrow(() -> wrong(key, "it is missing", "a list of numbers")).stream()
                .mapToDouble(value -> number(key, value))
                .toArray();
    }

    Optional<List<String>> texts(String key) {
        return list(key)
                .map(values -> values.stream()
                        .map(value -> {
                            if (!value.isTextual()) {
                                throw wrong(key, "it holds " + value, "texts");
                            }
                            return value.asText();
                        })
                        .toList());
    }

    private Optional<List<JsonNode>> list(String key) {
        JsonNode value = root.get(key);
        if (value == null || value.isNull()) {
            return Optional.empty();
        }
        if (!value.isArray()) {
            throw wrong(key, "it is " + value, "a list");
        }
        return Optional.of(value.valueStream().toList());
    }

    /// True or false.
    ///
    /// @param otherwise where it is missing or null
    public boolean flag(String key, boolean otherwise) {
        JsonNode value = root.get(key);
        if (value == null || value.isNull()) {
            return otherwise;
        }
        if (!value.isBoolean()) {
            throw wrong(key, "it is " + value, "true or false");
        }
        return value.asBoolean();
    }

    /// Refuses a setting this architecture does not have.
    ///
    /// @param supported what could stand there instead
    public FormatException wrong(String key, String found, String supported) {
        return new FormatException(
                file,
                "\"%s\": %s".formatted(section + key, found),
                supported,
                "Graft cannot run this model until it is.");
    }
}
