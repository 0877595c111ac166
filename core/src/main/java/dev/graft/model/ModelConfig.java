package dev.graft.model;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.graft.format.FormatException;
import dev.graft.format.Json;
import dev.graft.nn.Rotation;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/// A model's `config.json`, read the way Transformers reads it. Keys nobody here asks for are normal and stay unread.
public final class ModelConfig {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Path file;
    private final JsonNode root;

    private ModelConfig(Path file, JsonNode root) {
        this.file = file;
        this.root = root;
    }

    /// Reads `config.json` of a model directory.
    public static ModelConfig read(Path directory) {
        Path file = directory.resolve("config.json");
        if (!Files.isRegularFile(file)) {
            throw new FormatException(
                    directory,
                    Files.isDirectory(directory) ? "there is no config.json in it" : "there is no such directory",
                    "a Hugging Face model directory (config.json, tokenizer.json, model.safetensors)",
                    "Check the path.");
        }
        return new ModelConfig(file, Json.readObject(file, "the model's configuration"));
    }

    public Path file() {
        return file;
    }

    /// The whole file.
    public JsonNode json() {
        return root;
    }

    public String modelType() {
        return text("model_type")
                .orElseThrow(() -> wrong("model_type", "it is missing", "a model type such as \"llama\""));
    }

    public boolean has(String key) {
        return root.hasNonNull(key);
    }

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

    /// A positive whole number that must be there.
    public int size(String key) {
        return optionalSize(key).orElseThrow(() -> wrong(key, "it is missing", "a positive whole number"));
    }

    public OptionalInt optionalSize(String key) {
        JsonNode value = root.get(key);
        if (value == null || value.isNull()) {
            return OptionalInt.empty();
        }
        if (!value.isIntegralNumber() || !value.canConvertToInt() || value.asInt() < 1) {
            throw wrong(key, "it is " + value, "a positive whole number");
        }
        return OptionalInt.of(value.asInt());
    }

    public double number(String key, double otherwise) {
        return number(root, key, otherwise);
    }

    private double number(JsonNode object, String key, double otherwise) {
        JsonNode value = object.get(key);
        if (value == null || value.isNull()) {
            return otherwise;
        }
        if (!value.isNumber() || !Double.isFinite(value.asDouble())) {
            throw wrong(key, "it is " + value, "a number");
        }
        return value.asDouble();
    }

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

    /// How rotary positions turn heads of this width, with the scaling the file names: older files keep
    /// `rope_theta` and `rope_scaling` apart, newer ones join them in `rope_parameters`.
    Rotation rotation(int headDim) {
        if (number("partial_rotary_factor", 1) != 1) {
            throw wrong("partial_rotary_factor", "it is " + root.get("partial_rotary_factor"), "1 or nothing");
        }
        double[] frequencies = rotaryFrequencies(headDim);
        float[] rounded = new float[frequencies.length];
        for (int i = 0; i < rounded.length; i++) {
            rounded[i] = (float) frequencies[i];
        }
        return new Rotation(rounded);
    }

    private double[] rotaryFrequencies(int headDim) {
        String key = has("rope_parameters") ? "rope_parameters" : "rope_scaling";
        JsonNode rope = root.get(key);
        JsonNode scaling = rope == null || rope.isNull() ? JSON.createObjectNode() : rope;
        double theta = number(scaling, "rope_theta", number("rope_theta", 10_000));
        double[] frequencies = new double[headDim / 2];
        for (int i = 0; i < frequencies.length; i++) {
            frequencies[i] = 1.0 / Math.pow(theta, 2.0 * i / headDim);
        }
        String type = scaling.path("rope_type").asText(scaling.path("type").asText("default"));
        return switch (type) {
            case "default" -> frequencies;
            case "linear" -> linear(frequencies, number(scaling, "factor", 1));
            case "llama3" -> llama3(frequencies, scaling);
            default -> throw wrong(key, "its type is \"" + type + "\"", "one of default, linear, llama3");
        };
    }

    private static double[] linear(double[] frequencies, double factor) {
        for (int i = 0; i < frequencies.length; i++) {
            frequencies[i] /= factor;
        }
        return frequencies;
    }

    /// Llama 3.1's scaling: long waves are slowed by `factor`, short ones kept, those between blended.
    private double[] llama3(double[] frequencies, JsonNode scaling) {
        double factor = number(scaling, "factor", 8);
        double lowFactor = number(scaling, "low_freq_factor", 1);
        double highFactor = number(scaling, "high_freq_factor", 4);
        double original = number(scaling, "original_max_position_embeddings", 8192);
        for (int i = 0; i < frequencies.length; i++) {
            double wavelength = 2 * Math.PI / frequencies[i];
            if (wavelength > original / lowFactor) {
                frequencies[i] /= factor;
            } else if (wavelength >= original / highFactor) {
                double smooth = (original / wavelength - lowFactor) / (highFactor - lowFactor);
                frequencies[i] = (1 - smooth) * frequencies[i] / factor + smooth * frequencies[i];
            }
        }
        return frequencies;
    }

    /// The ids that end a generation, from `eos_token_id` (a number or a list).
    public List<Integer> eosIds() {
        List<Integer> ids = new ArrayList<>();
        JsonNode value = root.path("eos_token_id");
        if (value.isInt()) {
            ids.add(value.asInt());
        }
        value.forEach(id -> ids.add(id.asInt()));
        return ids;
    }

    /// Refuses a setting this architecture does not have.
    ///
    /// @param supported what could stand there instead
    public FormatException wrong(String key, String found, String supported) {
        return new FormatException(
                file, "\"%s\": %s".formatted(key, found), supported, "Graft cannot run this model until it is.");
    }
}
