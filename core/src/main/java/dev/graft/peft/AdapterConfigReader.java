package dev.graft.peft;

import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.format.AdapterWeights;
import dev.graft.format.FormatException;
import dev.graft.format.Json;
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

/// Reads `adapter_config.json` as PEFT reads it. A setting Graft does not honour is refused by name:
/// ignoring it would compute something else than the adapter's author trained. See [UnusableSettings].
final class AdapterConfigReader {
    private static final String FILE = AdapterWeights.CONFIG;

    private final Path file;
    private final JsonNode config;

    private AdapterConfigReader(Path file, JsonNode config) {
        this.file = file;
        this.config = config;
    }

    /// Reads the settings of an adapter directory.
    static Lora read(Path directory) {
        Path file = directory.resolve(FILE);
        requireThatItIsNotInSubfolders(directory, file);
        JsonNode config = Json.readObject(file, "a PEFT adapter directory with " + FILE);
        UnusableSettings.requireNone(file, config);
        try {
            return new AdapterConfigReader(file, config).settings();
        } catch (IllegalArgumentException e) {
            throw new FormatException(file, e.getMessage(), "settings that PEFT takes", "Correct it.");
        }
    }

    /// PEFT keeps adapters that are not called `default` in folders of their names.
    private static void requireThatItIsNotInSubfolders(Path directory, Path file) {
        if (Files.exists(file) || !Files.isDirectory(directory)) {
            return;
        }
        try (Stream<Path> inside = Files.list(directory)) {
            List<String> adapters = inside.filter(folder -> Files.exists(folder.resolve(FILE)))
                    .map(Path::toString)
                    .sorted()
                    .toList();
            if (!adapters.isEmpty()) {
                throw new FormatException(
                        directory,
                        "there is no " + FILE + " in it, but in a folder of it",
                        "the folder of one adapter",
                        "Name one of: " + String.join(", ", adapters));
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot list " + directory, e);
        }
    }

    private Lora settings() {
        List<String> parameters = strings("target_parameters");
        boolean noModules = !parameters.isEmpty()
                && config.path("target_modules").isArray()
                && config.path("target_modules").isEmpty();
        Targets targets = noModules ? Targets.none() : targets("target_modules");
        return new Lora(
                integer("r", 8),
                number("lora_alpha", 8),
                number("lora_dropout", 0),
                new Selection(targets, targets("exclude_modules"), layers(), patterns(), parameters),
                ranks(),
                numbers("alpha_pattern"),
                flag("use_rslora"),
                flag("use_dora"),
                flag("lora_bias"),
                bias(),
                init(),
                0,
                new Extras(strings("modules_to_save"), tokens(), flag("ensure_weight_tying")));
    }

    private Targets targets(String key) {
        JsonNode value = config.path(key);
        if (value.isTextual()) {
            return value.asText().equalsIgnoreCase("all-linear")
                    ? Targets.allLinear()
                    : new Targets.Regex(value.asText());
        }
        if (value.isArray() && !value.isEmpty()) {
            return new Targets.Names(strings(key));
        }
        if (key.equals("target_modules")) {
            throw wrong(
                    key,
                    value.isMissingNode() ? "missing" : value.toString(),
                    "a list, a regular expression or \"all-linear\"; without one PEFT chooses by model type, for Llama-like models [\"q_proj\", \"v_proj\"]");
        }
        if (!isUnset(value) && !value.isArray()) {
            throw wrong(key, value.toString(), "a list or a regular expression");
        }
        return Targets.none();
    }

    /// One number or a list of them.
    private List<Integer> layers() {
        JsonNode value = config.path("layers_to_transform");
        if (value.isInt()) {
            return List.of(value.asInt());
        }
        return integers("layers_to_transform", value);
    }

    private List<String> patterns() {
        JsonNode value = config.path("layers_pattern");
        if (value.isTextual()) {
            return value.asText().isEmpty() ? List.of() : List.of(value.asText());
        }
        return strings("layers_pattern");
    }

    private Map<String, Integer> ranks() {
        Map<String, Integer> ranks = new LinkedHashMap<>();
        numbers("rank_pattern").forEach((key, value) -> {
            if (value != Math.rint(value)) {
                throw wrong("rank_pattern", config.path("rank_pattern").toString(), "whole numbers");
            }
            ranks.put(key, value.intValue());
        });
        return ranks;
    }

    private Map<String, Double> numbers(String key) {
        JsonNode value = config.path(key);
        if (!isUnset(value) && !value.isObject()) {
            throw wrong(key, value.toString(), "an object of numbers");
        }
        Map<String, Double> numbers = new LinkedHashMap<>();
        value.properties().forEach(entry -> {
            if (!entry.getValue().isNumber()) {
                throw wrong(key, value.toString(), "an object of numbers");
            }
            numbers.put(entry.getKey(), entry.getValue().asDouble());
        });
        return numbers;
    }

    private Lora.Bias bias() {
        String value = config.path("bias").isTextual() ? config.path("bias").asText() : "none";
        return switch (value) {
            case "none" -> Lora.Bias.NONE;
            case "all" -> Lora.Bias.ALL;
            case "lora_only" -> Lora.Bias.LORA_ONLY;
            default -> throw wrong("bias", config.path("bias").toString(), "\"none\", \"all\" or \"lora_only\"");
        };
    }

    /// How a trained adapter once began is kept; it matters where it took something from the base.
    private Lora.Init init() {
        return switch (config.path("init_lora_weights").asText("true")) {
            case "false" -> Lora.Init.RANDOM;
            case "gaussian" -> Lora.Init.GAUSSIAN;
            case "orthogonal" -> Lora.Init.ORTHOGONAL;
            case "pissa" -> Lora.Init.PISSA;
            case "olora" -> Lora.Init.OLORA;
            default -> Lora.Init.DEFAULT;
        };
    }

    private TrainableTokens tokens() {
        String key = "trainable_token_indices";
        JsonNode value = config.path(key);
        if (value.isArray()) {
            return value.isEmpty()
                    ? TrainableTokens.NONE
                    : new TrainableTokens(Optional.of(integers(key, value)), Map.of());
        }
        if (!isUnset(value) && !value.isObject()) {
            throw wrong(key, value.toString(), "a list of tokens, or an object of such lists");
        }
        Map<String, List<Integer>> modules = new LinkedHashMap<>();
        value.properties().forEach(entry -> modules.put(entry.getKey(), integers(key, entry.getValue())));
        return TrainableTokens.of(modules);
    }

    private List<Integer> integers(String key, JsonNode array) {
        if (isUnset(array)) {
            return List.of();
        }
        List<Integer> result = new ArrayList<>();
        array.forEach(item -> {
            if (!item.isInt()) {
                throw wrong(key, config.path(key).toString(), "whole numbers");
            }
            result.add(item.asInt());
        });
        if (!array.isArray()) {
            throw wrong(key, array.toString(), "a list of whole numbers");
        }
        return result;
    }

    private List<String> strings(String key) {
        JsonNode value = config.path(key);
        List<String> result = new ArrayList<>();
        value.forEach(item -> {
            if (!item.isTextual()) {
                throw wrong(key, value.toString(), "a list of names");
            }
            result.add(item.asText());
        });
        if (!isUnset(value) && !value.isArray()) {
            throw wrong(key, value.toString(), "a list of names");
        }
        return result;
    }

    private int integer(String key, int otherwise) {
        double value = number(key, otherwise);
        if (value != Math.rint(value) || Math.abs(value) > Integer.MAX_VALUE) {
            throw wrong(key, config.path(key).toString(), "a whole number");
        }
        return (int) value;
    }

    private double number(String key, double otherwise) {
        JsonNode value = config.path(key);
        if (isUnset(value)) {
            return otherwise;
        }
        if (!value.isNumber()) {
            throw wrong(key, value.toString(), "a number");
        }
        return value.asDouble();
    }

    private boolean flag(String key) {
        JsonNode value = config.path(key);
        if (!isUnset(value) && !value.isBoolean()) {
            throw wrong(key, value.toString(), "true or false");
        }
        return value.asBoolean(false);
    }

    private static boolean isUnset(JsonNode value) {
        return value.isMissingNode() || value.isNull();
    }

    private FormatException wrong(String key, String found, String expected) {
        return new FormatException(file, key + " is " + found, expected, "Correct it.");
    }
}
