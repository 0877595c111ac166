package dev.graft.format.vocabulary;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.format.AtomicFiles;
import dev.graft.format.Json;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;

/// A chat template as the files that carry it: `chat_template.jinja`, and `additional_chat_templates/`
/// where there are more than the default one.
///
/// @param sources  by their names
/// @param turnEnd  the token that ends what the assistant says, where it is one token
public record TemplateFiles(Map<String, String> sources, OptionalInt turnEnd) {
    private static final String TOKENIZER_CONFIG = "tokenizer_config.json";
    private static final String GENERATION_CONFIG = "generation_config.json";

    public TemplateFiles {
        sources = Map.copyOf(sources);
    }

    /// Beside an adapter, as PEFT and TRL save it with the tokenizer.
    public void write(Path folder) {
        sources.forEach((name, source) -> {
            Path file = folder.resolve(TokenizerTexts.TEMPLATE);
            if (!name.equals(TokenizerTexts.DEFAULT_TEMPLATE)) {
                Path others = folder.resolve(TokenizerTexts.OTHER_TEMPLATES);
                file = others.resolve(name + ".jinja");
                if (!file.normalize().getParent().equals(others.normalize())) {
                    throw new IllegalArgumentException(
                            "a chat template is called \"%s\"; a file cannot be".formatted(name));
                }
                create(others);
            }
            AtomicFiles.writeString(file, source);
        });
    }

    /// Into a whole model's folder, in the place of the template there: no file names another one, and
    /// generation stops where the assistant's turn ends.
    public void replaceIn(Path folder) {
        AtomicFiles.delete(folder.resolve(TokenizerTexts.OTHER_TEMPLATES));
        AtomicFiles.delete(folder.resolve("chat_template.json"));
        Path config = folder.resolve(TOKENIZER_CONFIG);
        if (Files.isRegularFile(config)) {
            ObjectNode settings =
                    Json.readObject(config, "the tokenizer's settings").deepCopy();
            if (settings.remove("chat_template") != null) {
                AtomicFiles.writeString(config, Json.pretty(settings) + "\n");
            }
        }
        write(folder);
        turnEnd.ifPresent(id -> addStop(folder, id));
    }

    private static void addStop(Path folder, int id) {
        Path file = folder.resolve(GENERATION_CONFIG);
        ObjectNode settings = Files.isRegularFile(file)
                ? Json.readObject(file, "the settings of generation").deepCopy()
                : ((ObjectNode) Json.readObject(folder.resolve("config.json"), "a model's configuration")).objectNode();
        Set<Integer> stops = new LinkedHashSet<>(ids(settings.path("eos_token_id")));
        if (stops.isEmpty()) {
            stops.addAll(ids(Json.readObject(folder.resolve("config.json"), "a model's configuration")
                    .path("eos_token_id")));
        }
        if (stops.add(id)) {
            ArrayNode all = settings.putArray("eos_token_id");
            stops.forEach(all::add);
            AtomicFiles.writeString(file, Json.pretty(settings) + "\n");
        }
    }

    private static Set<Integer> ids(JsonNode value) {
        Set<Integer> ids = new LinkedHashSet<>();
        if (value.isInt()) {
            ids.add(value.intValue());
        }
        value.forEach(id -> ids.add(id.intValue()));
        return ids;
    }

    private static void create(Path folder) {
        try {
            Files.createDirectories(folder);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot create " + folder, e);
        }
    }
}
