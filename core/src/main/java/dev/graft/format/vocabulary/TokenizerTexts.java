package dev.graft.format.vocabulary;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.graft.format.FormatException;
import dev.graft.format.Gguf;
import dev.graft.format.Json;
import dev.graft.format.Llama2c;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/// The small text files of a model that concern its tokenizer (`tokenizer.json`, `tokenizer_config.json`,
/// `generation_config.json`, `chat_template.jinja` …), whatever kind of file the model came in: read from
/// a Hugging Face folder, or made from a GGUF file, from the `tok*.bin` beside a llama2.c checkpoint, or
/// from a folder's `tokenizer.model`.
public final class TokenizerTexts {
    static final String TEMPLATE = "chat_template.jinja";
    /// Folder of the chat templates beside the usual one.
    public static final String OTHER_TEMPLATES = "additional_chat_templates";
    static final String DEFAULT_TEMPLATE = "default";
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Path model;
    private final Path folder;
    private final Map<String, String> made;
    private final boolean readsFolder;

    private TokenizerTexts(Path model, Path folder, Map<String, String> made, boolean readsFolder) {
        this.model = model;
        this.folder = folder;
        this.made = made;
        this.readsFolder = readsFolder;
    }

    /// @param model a model folder, its `tokenizer.json` or `tokenizer.model`, a `.gguf` or a llama2.c
    ///              `.bin` file
    public static TokenizerTexts of(Path model) {
        if (Files.isDirectory(model)) {
            return ofFolder(model, model);
        }
        if (Gguf.isNamedSo(model)) {
            try (Gguf gguf = Gguf.open(model)) {
                return new TokenizerTexts(model, model, GgufVocabulary.files(gguf), false);
            }
        }
        if (Llama2c.isNamedSo(model)) {
            return new TokenizerTexts(model, model, Llama2cVocabulary.files(model), false);
        }
        Path folder = model.toAbsolutePath().getParent();
        if (model.toString().endsWith(".model")) {
            return new TokenizerTexts(model, folder, fromSentencePiece(folder, model), true);
        }
        return new TokenizerTexts(model, folder, Map.of(), true);
    }

    private static TokenizerTexts ofFolder(Path model, Path folder) {
        Path sentencePiece = folder.resolve("tokenizer.model");
        if (Files.exists(folder.resolve("tokenizer.json"))) {
            return new TokenizerTexts(model, folder, Map.of(), true);
        }
        Map<String, String> made = Files.isRegularFile(sentencePiece)
                ? fromSentencePiece(folder, sentencePiece)
                : PlainVocabularies.tokenizerJson(folder)
                        .map(json -> Map.of("tokenizer.json", json))
                        .orElse(Map.of());
        return new TokenizerTexts(model, folder, made, true);
    }

    /// `tokenizer_config.json` beside it says whether texts get a begin and an end; Llama's do get a begin.
    private static Map<String, String> fromSentencePiece(Path folder, Path file) {
        Path config = folder.resolve("tokenizer_config.json");
        boolean addBos = true;
        boolean addEos = false;
        if (Files.isRegularFile(config)) {
            var settings = Json.readObject(config, "the tokenizer's settings");
            addBos = settings.path("add_bos_token").asBoolean(true);
            addEos = settings.path("add_eos_token").asBoolean(false);
        }
        Pieces pieces = SentencePieceModel.read(file, addBos, addEos);
        if (!pieces.doubles().isEmpty()) {
            throw new FormatException(
                    file, "it holds a piece twice", "each piece once", "Save the tokenizer as tokenizer.json.");
        }
        Map<String, String> made = new HashMap<>();
        made.put("tokenizer.json", pieces.tokenizerJson());
        return made;
    }

    /// Where they come from, for messages: the file itself in a folder, or the model file.
    public Path where(String name) {
        return readsFolder && !made.containsKey(name) ? place(name) : model;
    }

    /// The content of the file of this name, where there is one.
    public Optional<String> text(String name) {
        if (made.containsKey(name)) {
            return Optional.of(made.get(name));
        }
        Path file = place(name);
        if (!readsFolder || !Files.isRegularFile(file)) {
            return Optional.empty();
        }
        try {
            return Optional.of(Files.readString(file));
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read %s: %s".formatted(file, e.getMessage()), e);
        }
    }

    /// The chat templates by their names, `default` for plain conversations; empty where there is none.
    ///
    /// As `AutoTokenizer` of Transformers: `chat_template.jinja` and `additional_chat_templates/`, and where
    /// there is neither, `chat_template` in `tokenizer_config.json`. Last `chat_template.json`, which
    /// Transformers reads for processors only: some models have their template nowhere else.
    public Map<String, String> chatTemplates() {
        Map<String, String> sources = new LinkedHashMap<>(folder(OTHER_TEMPLATES, ".jinja"));
        text(TEMPLATE).ifPresent(own -> sources.put(DEFAULT_TEMPLATE, own));
        for (String file : List.of("tokenizer_config.json", "chat_template.json")) {
            if (sources.isEmpty()) {
                text(file).ifPresent(json -> addNamed(parsed(file, json).path("chat_template"), sources));
            }
        }
        return sources;
    }

    /// One template, or a list of `{"name", "template"}`.
    private static void addNamed(JsonNode template, Map<String, String> sources) {
        if (template.isTextual()) {
            sources.put(DEFAULT_TEMPLATE, template.textValue());
        }
        for (JsonNode named : template) {
            if (named.path("template").isTextual()) {
                sources.put(named.path("name").asText(), named.path("template").textValue());
            }
        }
    }

    private JsonNode parsed(String name, String json) {
        try {
            return JSON.readTree(json);
        } catch (JsonProcessingException e) {
            throw new FormatException(
                    where(name),
                    "it is not valid JSON: " + e.getOriginalMessage(),
                    "an object in JSON",
                    "The file may be cut off or damaged; fetch it again.");
        }
    }

    /// The files in a folder beside the tokenizer, by their names without `ending`.
    private Map<String, String> folder(String name, String ending) {
        Path inner = place(name);
        if (!readsFolder || !Files.isDirectory(inner)) {
            return Map.of();
        }
        Map<String, String> texts = new TreeMap<>();
        try (var files = Files.newDirectoryStream(inner, "*" + ending)) {
            for (Path file : files) {
                String fileName = file.getFileName().toString();
                texts.put(fileName.substring(0, fileName.length() - ending.length()), Files.readString(file));
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read %s: %s".formatted(inner, e.getMessage()), e);
        }
        return texts;
    }

    /// The file of this name; a tokenizer file that was named itself may be called as it likes.
    private Path place(String name) {
        return name.equals("tokenizer.json") && !folder.equals(model) ? model : folder.resolve(name);
    }
}
