package dev.graft.format.vocabulary;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.format.FormatException;
import dev.graft.format.Json;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/// Tokenizers of older models that have no `tokenizer.json`: GPT-2's `vocab.json` with `merges.txt`, and
/// BERT's `vocab.txt`.
final class PlainVocabularies {
    private static final List<String> BERT_TOKENS = List.of("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]");

    private PlainVocabularies() {}

    /// The `tokenizer.json` of what a folder holds; empty where it holds neither.
    static Optional<String> tokenizerJson(Path folder) {
        Path merges = folder.resolve("merges.txt");
        Path words = folder.resolve("vocab.txt");
        if (Files.isRegularFile(folder.resolve("vocab.json")) && Files.isRegularFile(merges)) {
            return Optional.of(byteLevel(folder, merges));
        }
        return Files.isRegularFile(words) ? Optional.of(wordPiece(folder, words)) : Optional.empty();
    }

    private static String byteLevel(Path folder, Path merges) {
        requireClass(folder, "GPT2", "vocab.json and merges.txt");
        JsonNode vocabulary = Json.readObject(folder.resolve("vocab.json"), "tokens and their ids");
        boolean prefixSpace = setting(folder, "add_prefix_space", false);
        ObjectNode model = TokenizerJson.part("BPE");
        model.putNull("dropout").putNull("unk_token");
        model.put("continuing_subword_prefix", "").put("end_of_word_suffix", "").put("fuse_unk", false);
        model.set("vocab", vocabulary);
        ArrayNode pairs = model.putArray("merges");
        lines(merges).stream()
                .filter(line -> !line.isBlank() && !line.startsWith("#version"))
                .forEach(pairs::add);
        TokenizerJson json = new TokenizerJson()
                .set("model", model)
                .set("pre_tokenizer", byteLevelPart(prefixSpace))
                .set("post_processor", byteLevelPart(true).put("trim_offsets", false))
                .set("decoder", byteLevelPart(true));
        JsonNode end = vocabulary.path("<|endoftext|>");
        if (end.isInt()) {
            json.added(end.intValue(), "<|endoftext|>", true);
        }
        return json.text();
    }

    private static ObjectNode byteLevelPart(boolean prefixSpace) {
        return TokenizerJson.part("ByteLevel")
                .put("add_prefix_space", prefixSpace)
                .put("trim_offsets", true)
                .put("use_regex", true);
    }

    private static String wordPiece(Path folder, Path file) {
        requireClass(folder, "Bert", "vocab.txt");
        List<String> tokens = lines(file);
        ObjectNode vocabulary = JsonNodeFactory.instance.objectNode();
        for (int id = 0; id < tokens.size(); id++) {
            vocabulary.put(tokens.get(id), id);
        }
        for (String needed : List.of("[UNK]", "[CLS]", "[SEP]")) {
            if (!vocabulary.has(needed)) {
                throw new FormatException(
                        file,
                        "it has no %s".formatted(needed),
                        "BERT's tokens, one a line",
                        "Save the tokenizer as tokenizer.json.");
            }
        }
        ObjectNode model = TokenizerJson.part("WordPiece");
        model.put("unk_token", "[UNK]").put("continuing_subword_prefix", "##").put("max_input_chars_per_word", 100);
        model.set("vocab", vocabulary);
        ObjectNode normalizer = TokenizerJson.part("BertNormalizer");
        normalizer
                .put("clean_text", true)
                .put("handle_chinese_chars", setting(folder, "tokenize_chinese_chars", true))
                .putNull("strip_accents");
        normalizer.put("lowercase", setting(folder, "do_lower_case", !isCased(tokens)));
        TokenizerJson json = new TokenizerJson()
                .set("model", model)
                .set("normalizer", normalizer)
                .set("pre_tokenizer", TokenizerJson.part("BertPreTokenizer"))
                .set(
                        "decoder",
                        TokenizerJson.part("WordPiece").put("prefix", "##").put("cleanup", true))
                .around(tokens, OptionalInt.of(tokens.indexOf("[CLS]")), OptionalInt.of(tokens.indexOf("[SEP]")));
        Set<String> special = new HashSet<>(BERT_TOKENS);
        for (int id = 0; id < tokens.size(); id++) {
            if (special.contains(tokens.get(id))) {
                json.added(id, tokens.get(id), true);
            }
        }
        return json.text();
    }

    /// Whether any word has a capital; a vocabulary without is for texts in lower case.
    private static boolean isCased(List<String> tokens) {
        return tokens.stream()
                .filter(token -> !token.startsWith("["))
                .anyMatch(token -> token.chars().anyMatch(c -> c >= 'A' && c <= 'Z'));
    }

    /// Other models use the same files by other rules, which only their `tokenizer.json` tells.
    private static void requireClass(Path folder, String expected, String files) {
        String found = config(folder).path("tokenizer_class").asText(expected);
        if (!found.startsWith(expected)) {
            throw new FormatException(
                    folder,
                    "its %s are of a %s".formatted(files, found),
                    "those of a %sTokenizer".formatted(expected),
                    "Save the tokenizer as tokenizer.json.");
        }
    }

    private static boolean setting(Path folder, String name, boolean otherwise) {
        return config(folder).path(name).asBoolean(otherwise);
    }

    private static JsonNode config(Path folder) {
        Path file = folder.resolve("tokenizer_config.json");
        return Files.isRegularFile(file)
                ? Json.readObject(file, "the tokenizer's settings")
                : JsonNodeFactory.instance.objectNode();
    }

    private static List<String> lines(Path file) {
        try {
            return List.of(Files.readString(file).split("\r?\n"));
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read %s: %s".formatted(file, e.getMessage()), e);
        }
    }
}
