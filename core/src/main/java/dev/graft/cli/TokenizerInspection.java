package dev.graft.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.graft.tokenizer.Tokenizer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.stream.Collectors;

/// What `graft inspect` says of a tokenizer that stands alone: how it cuts texts, and its special tokens.
final class TokenizerInspection {
    private static final ObjectMapper JSON = new ObjectMapper();

    private static final List<String> FOLDER_FILES =
            List.of("tokenizer.json", "tokenizer.model", "vocab.txt", "vocab.json");

    /// Files that are a tokenizer together with others in their folder.
    private static final List<String> PART_FILES = List.of("vocab.txt", "vocab.json", "merges.txt");

    private static final int SHOWN = 12;

    private TokenizerInspection() {}

    static boolean isFolder(Path directory) {
        return FOLDER_FILES.stream().anyMatch(name -> Files.isRegularFile(directory.resolve(name)));
    }

    static boolean isFile(Path file) {
        String name = file.getFileName().toString();
        return name.equals("tokenizer.json") || name.endsWith(".model") || PART_FILES.contains(name);
    }

    /// @param path a folder or a file of a tokenizer
    static Inspection of(Path path) {
        boolean part = PART_FILES.contains(path.getFileName().toString());
        Path whole = part ? path.toAbsolutePath().getParent() : path;
        try (Tokenizer tokenizer = Tokenizer.load(whole)) {
            JsonNode file = parsed(tokenizer.canonical());
            var found = new Inspection("tokenizer", path);
            found.add("type", file.path("model").path("type").asText("BPE"));
            found.add("vocabulary", Facts.count(tokenizer.vocabularySize(), "token"), tokenizer.vocabularySize());
            JsonNode merges = file.path("model").path("merges");
            if (merges.isArray()) {
                found.add("merges", merges.size());
            }
            for (String stage : List.of("normalizer", "pre_tokenizer", "post_processor", "decoder")) {
                found.add(stage, types(file.path(stage)));
            }
            addSpecial(found, file.path("added_tokens"));
            addToken(found, "bos_token_id", tokenizer.bosId());
            addToken(found, "eos_token_id", tokenizer.eosId());
            boolean chats = tokenizer.chatTemplate().isPresent();
            return found.add("chat template", chats ? "yes" : "none", chats);
        }
    }

    private static JsonNode parsed(String json) {
        try {
            return JSON.readTree(json);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void addToken(Inspection found, String name, OptionalInt id) {
        if (id.isPresent()) {
            found.add(name, String.valueOf(id.getAsInt()), id.getAsInt());
        }
    }

    /// `Sequence (NFC, Lowercase)`.
    private static String types(JsonNode part) {
        if (!part.isObject()) {
            return "none";
        }
        String type = part.path("type").asText();
        for (String list : List.of("normalizers", "pretokenizers", "processors", "decoders")) {
            if (part.path(list).isArray()) {
                return part.path(list)
                        .valueStream()
                        .map(TokenizerInspection::types)
                        .collect(Collectors.joining(", ", type + " (", ")"));
            }
        }
        return type;
    }

    private static void addSpecial(Inspection found, JsonNode added) {
        Map<String, Integer> tokens = new LinkedHashMap<>();
        added.forEach(token -> {
            if (token.path("special").asBoolean()) {
                tokens.put(token.path("content").asText(), token.path("id").asInt());
            }
        });
        String shown = tokens.entrySet().stream()
                .limit(SHOWN)
                .map(token -> "%s %d".formatted(TerminalText.safe(token.getKey()), token.getValue()))
                .collect(Collectors.joining(", "));
        String more = tokens.size() > SHOWN ? ", … (%d in all)".formatted(tokens.size()) : "";
        found.add("special tokens", tokens.isEmpty() ? "none" : shown + more, tokens);
    }
}
