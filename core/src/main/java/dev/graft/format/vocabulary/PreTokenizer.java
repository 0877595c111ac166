package dev.graft.format.vocabulary;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// How byte-level vocabularies cut a text into words before they merge, by llama.cpp's names for it
/// (`tokenizer.ggml.pre`).
enum PreTokenizer {
    GPT2(List.of("gpt-2", "phi-2", "mpt", "olmo", "jais", "trillion", "granite-docling"), Words.GPT2),
    LLAMA3(List.of("llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral"), Words.LLAMA3),
    QWEN2(List.of("qwen2", "deepseek-r1-qwen", "stablelm2"), Words.QWEN2),
    SMOLLM(List.of("smollm", "starcoder", "refact", "command-r"), Words.DIGITS),
    TEKKEN(List.of("tekken"), Words.TEKKEN),
    DEFAULT(List.of("default"), Words.DEFAULT);

    /// The regular expressions, as in the `tokenizer.json` of the models that brought them.
    private static final class Words {
        static final String GPT2 = "";
        static final String DIGITS = "digits";
        static final String DEFAULT = "default";
        static final String LLAMA3 =
                "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
        static final String QWEN2 = LLAMA3.replace("{1,3}", "");
        static final String TEKKEN =
                "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
        static final List<String> DEFAULTS = List.of(
                "[\\p{P}\\$\\+<=>\\^~\\|]+",
                "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)",
                "\\p{N}+",
                "[0-9][0-9][0-9]");
    }

    private final List<String> names;
    private final String words;

    PreTokenizer(List<String> names, String words) {
        this.names = names;
        this.words = words;
    }

    static Optional<PreTokenizer> named(String name) {
        return Arrays.stream(values()).filter(pre -> pre.names.contains(name)).findFirst();
    }

    static String known() {
        return Arrays.stream(values()).flatMap(pre -> pre.names.stream()).collect(Collectors.joining(", "));
    }

    /// The name to write.
    String ggmlName() {
        return names.getFirst();
    }

    /// Whether a word that is a token is taken whole before anything is merged.
    boolean ignoresMerges() {
        return this == LLAMA3 || this == TEKKEN;
    }

    /// Whether texts begin with the token for it when the file does not say.
    boolean addsBos() {
        return this == LLAMA3 || this == TEKKEN;
    }

    Optional<ObjectNode> normalizer() {
        return this == QWEN2 ? Optional.of(TokenizerJson.part("NFC")) : Optional.empty();
    }

    ObjectNode json() {
        return switch (this) {
            case GPT2 -> byteLevel(true);
            case SMOLLM ->
                TokenizerJson.sequence(
                        "pretokenizers",
                        List.of(TokenizerJson.part("Digits").put("individual_digits", true), byteLevel(true)));
            case DEFAULT ->
                TokenizerJson.sequence(
                        "pretokenizers",
                        Stream.concat(Words.DEFAULTS.stream().map(PreTokenizer::split), Stream.of(byteLevel(false)))
                                .toList());
            case LLAMA3, QWEN2, TEKKEN ->
                TokenizerJson.sequence("pretokenizers", List.of(split(words), byteLevel(false)));
        };
    }

    /// The one that cuts as this part of a `tokenizer.json` does.
    static Optional<PreTokenizer> of(JsonNode part) {
        return Arrays.stream(values())
                .filter(pre -> essence(pre.json()).equals(essence(part)))
                .findFirst();
    }

    /// What bears on where words end: offsets, and defaults written out or not, do not.
    private static String essence(JsonNode part) {
        String type = part.path("type").asText();
        return switch (type) {
            case "Sequence" -> {
                StringBuilder all = new StringBuilder();
                part.path("pretokenizers")
                        .forEach(step -> all.append(essence(step)).append('\n'));
                yield all.toString().strip();
            }
            case "ByteLevel" ->
                "ByteLevel %s %s"
                        .formatted(
                                part.path("add_prefix_space").asBoolean(true),
                                part.path("use_regex").asBoolean(true));
            case "Digits" -> "Digits " + part.path("individual_digits").asBoolean(false);
            case "Split" ->
                "Split %s %s %s"
                        .formatted(
                                part.path("pattern").path("Regex").asText(),
                                part.path("behavior").asText(),
                                part.path("invert").asBoolean(false));
            default -> part.toString();
        };
    }

    private static ObjectNode split(String regex) {
        ObjectNode split = TokenizerJson.part("Split");
        split.putObject("pattern").put("Regex", regex);
        return split.put("behavior", "Isolated").put("invert", false);
    }

    private static ObjectNode byteLevel(boolean useRegex) {
        return TokenizerJson.part("ByteLevel")
                .put("add_prefix_space", false)
                .put("trim_offsets", true)
                .put("use_regex", useRegex);
    }
}
