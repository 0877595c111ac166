package dev.graft.tokenizer;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.format.vocabulary.TokenizerTexts;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// The small JSON files beside a `tokenizer.json`, read once: which tokens begin and end a text, and the
/// chat template.
///
/// A special token is looked up in `tokenizer_config.json`, then `special_tokens_map.json` (both name it by
/// its text), then `generation_config.json` and `config.json` (by its id).
final class TokenizerFiles {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final ObjectMapper SORTED = JsonMapper.builder()
            .enable(SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS)
            .build();

    private final TokenizerTexts texts;
    private final JsonNode tokenizerConfig;
    private final JsonNode specialTokensMap;
    private final JsonNode generationConfig;
    private final JsonNode config;

    TokenizerFiles(TokenizerTexts texts) {
        this.texts = texts;
        tokenizerConfig = readIfPresent("tokenizer_config.json");
        specialTokensMap = readIfPresent("special_tokens_map.json");
        generationConfig = readIfPresent("generation_config.json");
        config = readIfPresent("config.json");
    }

    /// The token text of every named special token (`bos_token`, `eos_token`, `pad_token` …), as templates
    /// use them.
    Map<String, String> specialTokens() {
        Map<String, String> tokens = new LinkedHashMap<>();
        for (JsonNode file : new JsonNode[] {specialTokensMap, tokenizerConfig}) {
            file.properties().forEach(field -> {
                if (field.getKey().endsWith("_token")) {
                    tokenText(field.getValue()).ifPresent(text -> tokens.put(field.getKey(), text));
                }
            });
        }
        return tokens;
    }

    /// The ids of the token called `name` (`bos` or `eos`), the tokenizer's own first; empty where no file
    /// names one.
    Set<Integer> ids(String name, Map<String, Integer> vocabulary) {
        Set<Integer> ids = new LinkedHashSet<>();
        String text = specialTokens().get(name + "_token");
        if (text != null) {
            Integer id = vocabulary.get(text);
            if (id == null) {
                throw new IllegalArgumentException(
                        "%s names \"%s\" as its %s_token, but tokenizer.json has no such token. Add it to the vocabulary there, or correct the name."
                                .formatted(texts.where("tokenizer_config.json"), text, name));
            }
            ids.add(id);
        }
        for (JsonNode file : new JsonNode[] {generationConfig, config}) {
            JsonNode value = file.path(name + "_token_id");
            if (value.isInt()) {
                ids.add(value.intValue());
            } else {
                value.forEach(id -> ids.add(id.intValue()));
            }
        }
        return ids;
    }

    /// The model's own template, where it has one ([TokenizerTexts#chatTemplates]).
    Optional<ChatTemplate> chatTemplate() {
        Map<String, String> sources = texts.chatTemplates();
        return sources.isEmpty() ? Optional.empty() : Optional.of(new ChatTemplate(sources, specialTokens()));
    }

    /// A token is written as `"<s>"` or as `{"content": "<s>", …}`.
    private static Optional<String> tokenText(JsonNode value) {
        JsonNode text = value.isObject() ? value.path("content") : value;
        return text.isTextual() ? Optional.of(text.textValue()) : Optional.empty();
    }

    /// Every token of a parsed `tokenizer.json` with its id: the model's vocabulary and the tokens added
    /// to it.
    static Map<String, Integer> vocabulary(JsonNode tokenizer) {
        Map<String, Integer> vocabulary = new HashMap<>();
        JsonNode vocab = tokenizer.path("model").path("vocab");
        if (vocab.isObject()) {
            vocab.properties()
                    .forEach(entry ->
                            vocabulary.put(entry.getKey(), entry.getValue().intValue()));
        } else {
            int id = 0; // a Unigram vocabulary is a list of [piece, score] in the order of the ids
            for (JsonNode piece : vocab) {
                vocabulary.put(piece.path(0).asText(), id++);
            }
        }
        vocabulary.putAll(added(tokenizer));
        return vocabulary;
    }

    /// The added tokens of a parsed `tokenizer.json`, which are found in every text before anything else.
    static Map<String, Integer> added(JsonNode tokenizer) {
        Map<String, Integer> added = new HashMap<>();
        tokenizer
                .path("added_tokens")
                .forEach(token -> added.put(
                        token.path("content").asText(), token.path("id").intValue()));
        return added;
    }

    /// Texts that are one token wherever they stand: the added tokens, and what begins and ends a text.
    Map<String, Integer> wholeTokens(Map<String, Integer> added, Map<String, Integer> vocabulary) {
        Map<String, Integer> whole = new HashMap<>(added);
        Map<String, String> special = specialTokens();
        for (String name : new String[] {"bos_token", "eos_token"}) {
            String text = special.get(name);
            if (text != null && vocabulary.containsKey(text)) {
                whole.put(text, vocabulary.get(text));
            }
        }
        return whole;
    }

    /// The added tokens that are marked as special, and how they are written.
    static Map<Integer, String> special(JsonNode tokenizer) {
        Map<Integer, String> special = new LinkedHashMap<>();
        tokenizer.path("added_tokens").forEach(token -> {
            if (token.path("special").asBoolean()) {
                special.put(token.path("id").intValue(), token.path("content").asText());
            }
        });
        return Map.copyOf(special);
    }

    /// A parsed `tokenizer.json` as text that says what it does to texts, however its writer laid it out:
    /// keys sorted, without what it says about cutting and padding.
    static String canonical(JsonNode tokenizer) {
        ObjectNode plain = ((ObjectNode) tokenizer).deepCopy();
        plain.remove(List.of("truncation", "padding"));
        try {
            return SORTED.writeValueAsString(SORTED.treeToValue(plain, Object.class));
        } catch (JacksonException e) {
            throw new IllegalStateException("a tree that was read can be written", e);
        }
    }

    static JsonNode parse(Path file, String text) {
        try {
            return JSON.readTree(text);
        } catch (JacksonException e) {
            var where = e.getLocation();
            throw new IllegalArgumentException(
                    "%s is not valid JSON at line %d, column %d: %s. The file may be cut off or damaged; fetch it again."
                            .formatted(file, where.getLineNr(), where.getColumnNr(), e.getOriginalMessage()),
                    e);
        }
    }

    private JsonNode readIfPresent(String name) {
        return texts.text(name).map(text -> parse(texts.where(name), text)).orElseGet(JSON::createObjectNode);
    }
}
