package dev.graft.format.vocabulary;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.graft.format.FormatException;
import dev.graft.format.GgufValue;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/// A Hugging Face tokenizer as the metadata of a GGUF file. What llama.cpp cannot do is refused: it
/// would read texts as other tokens than the model was trained with.
public final class GgufTokenizer {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String PREFIX = "tokenizer.ggml.";

    private final TokenizerTexts texts;
    private final JsonNode json;
    private final JsonNode config;
    private final Map<String, Integer> ids = new HashMap<>();
    private final List<String> tokens;
    private final PieceType[] types;
    private final Map<String, GgufValue> metadata = new LinkedHashMap<>();

    private GgufTokenizer(TokenizerTexts texts, int rows) {
        this.texts = texts;
        this.json = parse("tokenizer.json");
        this.config = parse("tokenizer_config.json");
        json.path("model")
                .path("vocab")
                .properties()
                .forEach(e -> ids.put(e.getKey(), e.getValue().asInt()));
        json.path("added_tokens")
                .forEach(token ->
                        ids.put(token.path("content").asText(), token.path("id").asInt()));
        int count = Math.max(
                rows, ids.values().stream().mapToInt(id -> id + 1).max().orElse(0));
        if (count > rows) {
            throw refusal(
                    "it has ids up to %d".formatted(count - 1), "at most the %d rows of the embedding".formatted(rows));
        }
        types = new PieceType[rows];
        Arrays.fill(types, PieceType.UNUSED);
        tokens = new ArrayList<>();
        for (int id = 0; id < rows; id++) {
            tokens.add("[PAD" + id + "]"); // rows without a token, as llama.cpp's converter calls them
        }
        ids.forEach((token, id) -> {
            tokens.set(id, token);
            types[id] = PieceType.NORMAL;
        });
    }

    /// @param rows of the embedding; ids that have no token get a placeholder
    /// @throws FormatException for a tokenizer that llama.cpp has no equal of
    public static Map<String, GgufValue> metadata(TokenizerTexts texts, int rows) {
        return new GgufTokenizer(texts, rows).metadata();
    }

    private JsonNode parse(String name) {
        try {
            Optional<String> text = texts.text(name);
            return text.isPresent() ? JSON.readTree(text.get()) : JSON.createObjectNode();
        } catch (JsonProcessingException e) {
            throw refusal(name + " is not valid JSON", "the tokenizer's files");
        }
    }

    private Map<String, GgufValue> metadata() {
        JsonNode model = json.path("model");
        String type = model.path("type").asText();
        if (!type.equals("BPE")) {
            throw refusal(
                    "its model is " + (type.isEmpty() ? "missing" : type),
                    "BPE, the one kind llama.cpp has for decoders");
        }
        markAdded();
        if (has(json.path("decoder"), "ByteLevel")) {
            byteLevel(model);
        } else if (model.path("byte_fallback").asBoolean()) {
            pieces(model);
        } else {
            throw refusal("its BPE is neither byte-level nor has it byte_fallback", "one of the two");
        }
        specialTokens();
        chatTemplate();
        return metadata;
    }

    private void markAdded() {
        json.path("added_tokens").forEach(token -> {
            int id = token.path("id").asInt();
            types[id] = token.path("special").asBoolean() ? PieceType.CONTROL : PieceType.USER_DEFINED;
        });
    }

    private void byteLevel(JsonNode model) {
        PreTokenizer pre = PreTokenizer.of(json.path("pre_tokenizer"))
                .orElseThrow(() -> refusal(
                        "its pre_tokenizer is " + json.path("pre_tokenizer"),
                        "one llama.cpp knows: " + PreTokenizer.known()));
        String normalizer = json.path("normalizer").path("type").asText("none");
        if (!normalizer.equals("none") && !normalizer.equals("NFC")) {
            throw refusal("its normalizer is " + normalizer, "none; llama.cpp takes texts as they are");
        }
        if (model.path("ignore_merges").asBoolean() != pre.ignoresMerges()) {
            throw refusal(
                    "ignore_merges is " + model.path("ignore_merges").asBoolean(),
                    "%s, as llama.cpp's %s does".formatted(pre.ignoresMerges(), pre.ggmlName()));
        }
        metadata.put(PREFIX + "model", GgufValue.of("gpt2"));
        metadata.put(PREFIX + "pre", GgufValue.of(pre.ggmlName()));
        putTokens();
        metadata.put(PREFIX + "merges", new GgufValue.Texts(merges(model)));
    }

    private void pieces(JsonNode model) {
        metadata.put(PREFIX + "model", GgufValue.of("llama"));
        metadata.put(PREFIX + "pre", GgufValue.of("default"));
        metadata.put(PREFIX + "add_space_prefix", GgufValue.of(spacePrefix()));
        ids.forEach((token, id) -> {
            if (token.matches("<0x[0-9A-F]{2}>")) {
                types[id] = PieceType.BYTE;
            }
        });
        Integer unknown = ids.get(model.path("unk_token").asText());
        if (unknown != null) {
            types[unknown] = PieceType.UNKNOWN;
        }
        putTokens();
        metadata.put(PREFIX + "scores", GgufValue.Numbers.of(scores(model)));
    }

    private void putTokens() {
        metadata.put(PREFIX + "tokens", new GgufValue.Texts(tokens));
        metadata.put(
                PREFIX + "token_type",
                GgufValue.Numbers.of(
                        Arrays.stream(types).mapToInt(PieceType::number).toArray()));
    }

    /// Merges are applied in their order; in a vocabulary with scores, the best first. So a piece's
    /// score is its place.
    private float[] scores(JsonNode model) {
        List<String> merges = merges(model);
        float[] scores = new float[tokens.size()];
        Arrays.fill(scores, -(merges.size() + 1f));
        for (int id = 0; id < scores.length; id++) {
            if (types[id] != PieceType.NORMAL) {
                scores[id] = 0;
            }
        }
        int rank = 0;
        Set<Integer> placed = new LinkedHashSet<>();
        for (String merge : merges) {
            Integer id = ids.get(merge.replaceFirst(" ", ""));
            if (id != null && placed.add(id)) {
                scores[id] = - ++rank;
            }
        }
        return scores;
    }

    /// Whether a text gets a space in front; anything else that is done to it is refused.
    private boolean spacePrefix() {
        List<JsonNode> steps = steps(json.path("normalizer"), "normalizers");
        boolean prefix = false;
        for (JsonNode step : steps) {
            String type = step.path("type").asText();
            if (type.equals("Prepend") && step.path("prepend").asText().equals("▁")) {
                prefix = true;
            } else if (!type.equals("Replace")
                    || !step.path("pattern").path("String").asText().equals(" ")) {
                throw refusal("its normalizer has a step " + step, "at most a space in front, and spaces as ▁");
            }
        }
        JsonNode pre = json.path("pre_tokenizer");
        if (pre.path("type").asText().equals("Metaspace")) {
            return !pre.path("prepend_scheme").asText("always").equals("never");
        }
        if (!pre.isNull() && !pre.isMissingNode() && !isHarmlessSplit(pre)) {
            throw refusal("its pre_tokenizer is " + pre, "none, or Metaspace");
        }
        return prefix;
    }

    /// Gemma's cuts at spaces, none of which are left when they have become ▁.
    private static boolean isHarmlessSplit(JsonNode pre) {
        return pre.path("type").asText().equals("Split")
                && pre.path("pattern").path("String").asText().equals(" ");
    }

    private static List<JsonNode> steps(JsonNode part, String list) {
        List<JsonNode> steps = new ArrayList<>();
        if (part.path("type").asText().equals("Sequence")) {
            part.path(list).forEach(steps::add);
        } else if (part.isObject()) {
            steps.add(part);
        }
        return steps;
    }

    private static boolean has(JsonNode part, String type) {
        return steps(part, "decoders").stream()
                .anyMatch(step -> step.path("type").asText().equals(type));
    }

    /// Written as `"a b"` or as `["a", "b"]`.
    private static List<String> merges(JsonNode model) {
        List<String> merges = new ArrayList<>();
        model.path("merges")
                .forEach(merge -> merges.add(
                        merge.isArray()
                                ? merge.path(0).asText() + " " + merge.path(1).asText()
                                : merge.asText()));
        return merges;
    }

    private void specialTokens() {
        JsonNode generation = parse("generation_config.json");
        OptionalInt bos = id("bos", generation);
        OptionalInt eos = id("eos", generation);
        put("bos", bos);
        put("eos", eos);
        put("unknown", named("unk"));
        put("padding", named("pad"));
        generation.path("eos_token_id").forEach(id -> {
            if (eos.isPresent() && id.asInt() != eos.getAsInt()) {
                metadata.putIfAbsent(PREFIX + "eot_token_id", GgufValue.of(id.asLong()));
            }
        });
        Around around = around();
        metadata.put(PREFIX + "add_bos_token", GgufValue.of(around.before));
        metadata.put(PREFIX + "add_eos_token", GgufValue.of(around.after));
    }

    private void put(String name, OptionalInt id) {
        id.ifPresent(value -> metadata.put("%s%s_token_id".formatted(PREFIX, name), GgufValue.of((long) value)));
    }

    private OptionalInt id(String name, JsonNode generation) {
        OptionalInt own = named(name);
        if (own.isPresent()) {
            return own;
        }
        JsonNode value = generation.path(name + "_token_id");
        JsonNode first = value.isArray() ? value.path(0) : value;
        return first.isInt() ? OptionalInt.of(first.asInt()) : OptionalInt.empty();
    }

    private OptionalInt named(String name) {
        JsonNode value = config.path(name + "_token");
        Integer id = ids.get(value.isObject() ? value.path("content").asText() : value.asText());
        return id == null ? OptionalInt.empty() : OptionalInt.of(id);
    }

    private record Around(boolean before, boolean after) {}

    /// Whether the post-processor puts a token before a text, and one after it.
    private Around around() {
        boolean before = false;
        boolean after = false;
        for (JsonNode step : steps(json.path("post_processor"), "processors")) {
            boolean passed = false;
            for (JsonNode place : step.path("single")) {
                before |= !passed && place.has("SpecialToken");
                after |= passed && place.has("SpecialToken");
                passed |= place.has("Sequence");
            }
        }
        return new Around(before, after);
    }

    private void chatTemplate() {
        List<String> names = new ArrayList<>();
        texts.chatTemplates().forEach((name, source) -> {
            boolean main = name.equals(TokenizerTexts.DEFAULT_TEMPLATE);
            names.addAll(main ? List.of() : List.of(name));
            metadata.put("tokenizer.chat_template" + (main ? "" : "." + name), GgufValue.of(source));
        });
        if (!names.isEmpty()) {
            metadata.put("tokenizer.chat_templates", new GgufValue.Texts(names));
        }
    }

    private FormatException refusal(String found, String expected) {
        return new FormatException(
                texts.where("tokenizer.json"),
                found,
                expected,
                "llama.cpp would cut texts differently from what the model was trained with, so no GGUF file is written."
                        + " Run the model from its folder, with Graft or Transformers, or train one whose tokenizer"
                        + " llama.cpp knows.");
    }
}
