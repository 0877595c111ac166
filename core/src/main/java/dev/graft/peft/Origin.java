package dev.graft.peft;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.graft.format.AtomicFiles;
import dev.graft.format.FormatException;
import dev.graft.format.Json;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/// Where an adapter comes from: `graft.json` beside its two PEFT files. PEFT does not read it, and
/// adapters of others do not have it.
///
/// @param base     what it was trained on
/// @param made     how, by name: `graft`, `created`, `data_sha256`, `seed`, `step`, `versions`, `recipe`
public record Origin(Base base, Map<String, Object> made) {
    /// Its name in the folder of an adapter.
    public static final String FILE = "graft.json";
    private static final int FORMAT = 1;

    /// Key of [#made] under which an adapter says that it began as what quantisation took from its base.
    public static final String START = "init_lora_weights";
    private static final ObjectMapper JSON = new ObjectMapper();

    /// A model as far as an adapter depends on it: hashes, in hexadecimal.
    ///
    /// @param model        its path or name
    /// @param weights      of all its weights; absent for random ones
    /// @param tokenizer    of what turns texts into ids; absent for a model without
    /// @param chatTemplate of the template's text; absent for a model without
    /// @param madeFrom     of the weights of the model that it was quantised from; absent where it was
    ///                     not, or nobody knows
    /// @param quantization how its linear layers are packed, in words, in its files or while it is
    ///                     loaded; absent where nobody wrote it down
    public record Base(
            String model,
            Optional<String> weights,
            Optional<String> tokenizer,
            Optional<String> chatTemplate,
            Optional<String> madeFrom,
            Optional<String> quantization) {}

    public Origin {
        made = Collections.unmodifiableMap(new LinkedHashMap<>(made));
    }

    /// Whether its factors make up for what quantisation took from the base, so that it belongs to the
    /// base quantised in that way and to no other.
    public boolean makesUpForQuantization() {
        return "loftq".equals(made.get(START));
    }

    /// Writes the file into an adapter's directory.
    public void write(Path directory) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("format", FORMAT);
        Map<String, Object> on = new LinkedHashMap<>();
        on.put("model", base.model);
        on.put("weights_sha256", base.weights.orElse(null));
        on.put("tokenizer_sha256", base.tokenizer.orElse(null));
        on.put("chat_template_sha256", base.chatTemplate.orElse(null));
        base.madeFrom.ifPresent(hash -> on.put("quantised_from_sha256", hash));
        base.quantization.ifPresent(words -> on.put("quantization", words));
        json.put("base", on);
        json.putAll(made);
        AtomicFiles.writeString(directory.resolve(FILE), Json.pretty(json) + "\n");
    }

    /// Of an adapter's directory; empty where the file is not there.
    public static Optional<Origin> read(Path directory) {
        Path file = directory.resolve(FILE);
        if (!Files.exists(file)) {
            return Optional.empty();
        }
        JsonNode json = Json.readObject(file, "the origin of an adapter, as Graft writes it");
        if (json.path("format").asInt() != FORMAT) {
            throw new FormatException(
                    file,
                    "format is " + json.path("format"),
                    String.valueOf(FORMAT),
                    "A newer Graft wrote it: use that one, or delete the file to use the adapter unchecked.");
        }
        JsonNode on = json.path("base");
        Map<String, Object> made = new LinkedHashMap<>();
        json.properties().forEach(field -> {
            if (!field.getKey().equals("format") && !field.getKey().equals("base")) {
                made.put(field.getKey(), JSON.convertValue(field.getValue(), Object.class));
            }
        });
        return Optional.of(new Origin(
                new Base(
                        on.path("model").asText(),
                        text(on, "weights_sha256"),
                        text(on, "tokenizer_sha256"),
                        text(on, "chat_template_sha256"),
                        text(on, "quantised_from_sha256"),
                        text(on, "quantization")),
                made));
    }

    private static Optional<String> text(JsonNode json, String key) {
        return json.hasNonNull(key) ? Optional.of(json.get(key).asText()) : Optional.empty();
    }
}
