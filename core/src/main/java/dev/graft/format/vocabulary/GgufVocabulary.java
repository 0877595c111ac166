package dev.graft.format.vocabulary;

import static java.util.stream.Collectors.toSet;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.format.Gguf;
import dev.graft.format.GgufValue;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Stream;

/// The tokenizer in a GGUF file's metadata (`tokenizer.ggml.*`), as the files of a Hugging Face folder.
final class GgufVocabulary {
    private static final JsonNodeFactory JSON = JsonNodeFactory.instance;
    private static final String PREFIX = "tokenizer.ggml.";
    /// −1, which stands for no token, where it is written unsigned.
    private static final long UNSIGNED_NONE = 0xffffffffL;

    private final Gguf gguf;
    private final List<String> tokens;
    private final PieceType[] types;

    private GgufVocabulary(Gguf gguf) {
        this.gguf = gguf;
        this.tokens = gguf.texts(PREFIX + "tokens")
                .orElseThrow(() -> gguf.refusal("it has no tokenizer.ggml.tokens", "a vocabulary"));
        this.types = types();
        requireDistinct();
    }

    /// Contents by file name.
    static Map<String, String> files(Gguf gguf) {
        var vocabulary = new GgufVocabulary(gguf);
        Map<String, String> files = new LinkedHashMap<>();
        files.put("tokenizer.json", vocabulary.tokenizerJson());
        files.put("tokenizer_config.json", vocabulary.tokenizerConfig().toString());
        files.put("generation_config.json", vocabulary.generationConfig().toString());
        return files;
    }

    private PieceType[] types() {
        PieceType[] all = new PieceType[tokens.size()];
        Arrays.fill(all, PieceType.NORMAL);
        gguf.numbers(PREFIX + "token_type").ifPresent(numbers -> {
            requireOneEach("token_type", numbers.size());
            for (int id = 0; id < all.length; id++) {
                long number = numbers.whole(id);
                if (number < 1 || number > PieceType.values().length) {
                    throw gguf.refusal("the type of token %d is %d".formatted(id, number), "1 to 6");
                }
                all[id] = PieceType.values()[(int) number - 1];
            }
        });
        return all;
    }

    private void requireOneEach(String key, int count) {
        if (count != tokens.size()) {
            throw gguf.refusal(
                    "%s%s has %d values".formatted(PREFIX, key, count),
                    "one for each of the %d tokens".formatted(tokens.size()));
        }
    }

    private void requireDistinct() {
        Set<String> seen = new HashSet<>();
        Set<String> doubles = tokens.stream().filter(token -> !seen.add(token)).collect(toSet());
        if (!doubles.isEmpty()) {
            throw gguf.refusal(
                    "its vocabulary has the token \"%s\" twice"
                            .formatted(doubles.iterator().next()),
                    "each token once");
        }
    }

    private String tokenizerJson() {
        String model = gguf.text(PREFIX + "model")
                .orElseThrow(() -> gguf.refusal("it has no tokenizer.ggml.model", "\"llama\" or \"gpt2\""));
        return switch (model) {
            case "llama" -> pieces().tokenizerJson();
            case "gpt2" -> byteLevel();
            default ->
                throw gguf.refusal(
                        "its tokenizer.ggml.model is \"%s\"".formatted(model),
                        "\"llama\" (SentencePiece) or \"gpt2\" (byte-level BPE)");
        };
    }

    private Pieces pieces() {
        GgufValue.Numbers numbers = gguf.numbers(PREFIX + "scores")
                .orElseThrow(() -> gguf.refusal("it has no tokenizer.ggml.scores", "a score for each token"));
        requireOneEach("scores", numbers.size());
        float[] scores = new float[numbers.size()];
        for (int id = 0; id < scores.length; id++) {
            scores[id] = (float) numbers.real(id);
        }
        return new Pieces(
                false,
                tokens,
                scores,
                types,
                Optional.empty(),
                gguf.flag(PREFIX + "add_space_prefix").orElse(true),
                gguf.flag(PREFIX + "remove_extra_whitespaces").orElse(false),
                id("unknown"),
                added("bos", true),
                added("eos", false));
    }

    private String byteLevel() {
        PreTokenizer pre = preTokenizer();
        TokenizerJson json = new TokenizerJson();
        for (int id = 0; id < types.length; id++) {
            if (types[id] == PieceType.CONTROL || types[id] == PieceType.USER_DEFINED) {
                json.added(id, tokens.get(id), types[id] == PieceType.CONTROL);
            }
        }
        pre.normalizer().ifPresent(normalizer -> json.set("normalizer", normalizer));
        ObjectNode decoder = TokenizerJson.part("ByteLevel")
                .put("add_prefix_space", false)
                .put("trim_offsets", true)
                .put("use_regex", false);
        return json.set("pre_tokenizer", pre.json())
                .around(tokens, added("bos", pre.addsBos()), added("eos", false))
                .set("decoder", decoder)
                .set("model", byteLevelModel(pre))
                .text();
    }

    private PreTokenizer preTokenizer() {
        String name = gguf.text(PREFIX + "pre").orElse("default");
        return PreTokenizer.named(name)
                .orElseThrow(() -> gguf.refusal(
                        "its tokenizer.ggml.pre is \"%s\"".formatted(name), "one of " + PreTokenizer.known()));
    }

    private ObjectNode byteLevelModel(PreTokenizer pre) {
        ObjectNode model = TokenizerJson.part("BPE").putNull("dropout").putNull("unk_token");
        model.putNull("continuing_subword_prefix")
                .putNull("end_of_word_suffix")
                .put("fuse_unk", false)
                .put("byte_fallback", false)
                .put("ignore_merges", pre.ignoresMerges());
        ObjectNode vocab = model.putObject("vocab");
        for (int id = 0; id < types.length; id++) {
            vocab.put(tokens.get(id), id);
        }
        ArrayNode rules = model.putArray("merges");
        gguf.texts(PREFIX + "merges")
                .orElseThrow(() -> gguf.refusal("it has no tokenizer.ggml.merges", "the merges of its vocabulary"))
                .forEach(rules::add);
        return model;
    }

    /// The token of this name when texts get it.
    private OptionalInt added(String name, boolean otherwise) {
        return gguf.flag("%sadd_%s_token".formatted(PREFIX, name)).orElse(otherwise) ? id(name) : OptionalInt.empty();
    }

    private OptionalInt id(String name) {
        String key = "%s%s_token_id".formatted(PREFIX, name);
        Optional<Long> id = gguf.whole(key).filter(value -> value != -1 && value != UNSIGNED_NONE);
        if (id.isEmpty()) {
            return OptionalInt.empty();
        }
        if (id.get() < 0 || id.get() >= tokens.size()) {
            if (name.equals("padding")) {
                return OptionalInt.empty(); // nothing here is padded, and files with such an id are about
            }
            throw gguf.refusal(
                    "%s is %d".formatted(key, id.get()), "a token from 0 to %d".formatted(tokens.size() - 1));
        }
        return OptionalInt.of(id.get().intValue());
    }

    private ObjectNode tokenizerConfig() {
        ObjectNode config = JSON.objectNode().put("tokenizer_class", "PreTrainedTokenizerFast");
        Map.of("bos", "bos", "eos", "eos", "unknown", "unk", "padding", "pad")
                .forEach((ggml, name) -> id(ggml).ifPresent(id -> config.put(name + "_token", tokens.get(id))));
        config.put("clean_up_tokenization_spaces", false);
        Optional<String> template = gguf.text("tokenizer.chat_template");
        List<String> others = gguf.texts("tokenizer.chat_templates").orElse(List.of());
        if (others.isEmpty()) {
            template.ifPresent(source -> config.put("chat_template", source));
            return config;
        }
        ArrayNode templates = config.putArray("chat_template");
        template.ifPresent(
                source -> templates.addObject().put("name", "default").put("template", source));
        others.forEach(name -> gguf.text("tokenizer.chat_template." + name)
                .ifPresent(source -> templates.addObject().put("name", name).put("template", source)));
        return config;
    }

    /// The tokens that end a text or a turn.
    private ObjectNode generationConfig() {
        ObjectNode config = JSON.objectNode();
        id("bos").ifPresent(id -> config.put("bos_token_id", id));
        Set<Integer> ends = new LinkedHashSet<>();
        Stream.of("eos", "eot", "eom").map(this::id).forEach(id -> id.ifPresent(ends::add));
        if (ends.size() == 1) {
            config.put("eos_token_id", ends.iterator().next());
        } else if (!ends.isEmpty()) {
            ends.forEach(config.putArray("eos_token_id")::add);
        }
        return config;
    }
}
