package dev.graft.tokenizer;

import ai.djl.huggingface.tokenizers.Encoding;
import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import ai.djl.huggingface.tokenizers.jni.CharSpan;
import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.format.vocabulary.TokenizerTexts;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/// Text to token ids and back, by the rules in a model's `tokenizer.json`.
///
/// The work is done by the Hugging Face tokenizers library itself, so ids are the ones the model was
/// trained with. Texts are never cut or padded, whatever the file says. Safe for use by several threads
/// until it is closed.
///
/// {@snippet :
/// try (var tokenizer = Tokenizer.load(Path.of("models/qwen"))) {
///     int[] ids = tokenizer.encode("Once upon a time", true);
///     String text = tokenizer.decode(ids, true);
/// }
/// }
public final class Tokenizer implements AutoCloseable {
    private static final Map<String, String> NEITHER_CUT_NOR_PADDED = Map.of("truncation", "false", "padding", "false");

    static {
        // the library below reports its use to its makers over the network unless told not to
        System.setProperty("ai.djl.offline", "true");
        System.setProperty("OPT_OUT_TRACKING", "true");
    }

    private final HuggingFaceTokenizer library;
    private final Map<String, Integer> vocabulary;
    private final String canonical;
    private final int vocabularySize;
    private final OptionalInt bosId;
    private final OptionalInt eosId;
    private final Map<Integer, String> special;
    private final Set<Integer> fileStops;
    private final Map<String, Integer> whole;
    private final Map<String, String> specialTokens;
    private final Optional<ChatTemplate> chatTemplate;
    private Set<Integer> stopIds;

    private Tokenizer(
            HuggingFaceTokenizer library,
            Map<String, Integer> vocabulary,
            Map<Integer, String> special,
            Map<String, Integer> added,
            String canonical,
            TokenizerFiles files,
            Optional<ChatTemplate> otherTemplate) {
        this.library = library;
        this.vocabulary = vocabulary;
        this.special = special;
        this.canonical = canonical;
        vocabularySize = 1 + Collections.max(vocabulary.values());
        bosId = first(files.ids("bos", vocabulary));
        Set<Integer> ends = files.ids("eos", vocabulary);
        eosId = first(ends);
        fileStops = ends;
        whole = files.wholeTokens(added, vocabulary);
        specialTokens = files.specialTokens();
        chatTemplate = otherTemplate
                .map(other -> other.withSpecialTokens(specialTokens))
                .or(files::chatTemplate);
    }

    /// Reads the tokenizer of a model.
    ///
    /// @param path  a model directory holding `tokenizer.json` or SentencePiece's `tokenizer.model`, or
    ///              one of these files itself (`tokenizer_config.json` and the other small files are
    ///              read from beside it); or a model in a `.gguf` file, or a llama2.c `.bin` with its
    ///              `tok*.bin` beside it
    public static Tokenizer load(Path path) {
        return load(path, Optional.empty());
    }

    /// As [#load(Path)].
    ///
    /// @param chatTemplate  the template to use in place of the model's own
    public static Tokenizer load(Path path, Optional<ChatTemplate> chatTemplate) {
        TokenizerTexts texts = TokenizerTexts.of(path);
        Path file = texts.where("tokenizer.json");
        String json = texts.text("tokenizer.json").orElseThrow(() -> new IllegalArgumentException(missing(file)));
        JsonNode parsed = TokenizerFiles.parse(file, json);
        Map<String, Integer> vocabulary = TokenizerFiles.vocabulary(parsed);
        if (vocabulary.isEmpty()) {
            throw new IllegalArgumentException(
                    "%s holds no vocabulary (\"model\": {\"vocab\": …} is missing or empty); expected a tokenizer.json of the Hugging Face tokenizers library"
                            .formatted(file));
        }
        HuggingFaceTokenizer library = open(file, json);
        try {
            return new Tokenizer(
                    library,
                    vocabulary,
                    TokenizerFiles.special(parsed),
                    TokenizerFiles.added(parsed),
                    TokenizerFiles.canonical(parsed),
                    new TokenizerFiles(texts),
                    chatTemplate);
        } catch (RuntimeException e) {
            library.close();
            throw e;
        }
    }

    private static HuggingFaceTokenizer open(Path file, String json) {
        var bytes = new ByteArrayInputStream(json.getBytes(StandardCharsets.UTF_8));
        try {
            return HuggingFaceTokenizer.newInstance(bytes, NEITHER_CUT_NOR_PADDED);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + file, e);
        } catch (RuntimeException e) {
            throw new IllegalArgumentException(
                    "%s cannot be used as a tokenizer: %s. Expected a tokenizer.json of the Hugging Face tokenizers library."
                            .formatted(file, e.getMessage()),
                    e);
        }
    }

    private static String missing(Path file) {
        return "%s does not exist; a model directory needs its tokenizer there, or as SentencePiece's tokenizer.model."
                .formatted(file);
    }

    /// The ids of a text.
    ///
    /// @param addSpecialTokens  whether the tokenizer's post-processor adds what it puts around a text
    ///                          (such as `<s>`); special tokens written in the text itself are recognised
    /// either way
    public int[] encode(String text, boolean addSpecialTokens) {
        requireCharacters(text);
        return ints(library.encode(text, addSpecialTokens, false).getIds());
    }

    /// As [#encode], with the place of each token in the text.
    public Encoded encodeWithOffsets(String text, boolean addSpecialTokens) {
        requireCharacters(text);
        Encoding encoding = library.encode(text, addSpecialTokens, false);
        int[] ids = ints(encoding.getIds());
        int[] starts = new int[ids.length];
        int[] ends = new int[ids.length];
        boolean[] special = new boolean[ids.length];
        int[] charIndex = charIndices(text);
        for (int i = 0; i < ids.length; i++) {
            CharSpan span = encoding.getCharTokenSpans()[i];
            special[i] = encoding.getSpecialTokenMask()[i] == 1;
            starts[i] = span == null ? 0 : charIndex[span.getStart()];
            ends[i] = span == null ? 0 : charIndex[span.getEnd()];
        }
        return new Encoded(ids, starts, ends, special);
    }

    /// The ids of many texts, in their order; quicker than one by one because the library uses all cores.
    public List<int[]> encodeAll(List<String> texts, boolean addSpecialTokens) {
        texts.forEach(Tokenizer::requireCharacters);
        return texts.isEmpty()
                ? List.of()
                : Arrays.stream(library.batchEncode(texts, addSpecialTokens, false))
                        .map(encoding -> ints(encoding.getIds()))
                        .toList();
    }

    /// The library would make something else of half a surrogate pair, without a word.
    private static void requireCharacters(String text) {
        if (text.codePoints().anyMatch(c -> c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE)) {
            throw new IllegalArgumentException("the text holds half a surrogate pair, which is no character");
        }
    }

    /// The text of the ids.
    ///
    /// @param skipSpecialTokens  leaves out tokens that the tokenizer marks as special
    public String decode(int[] ids, boolean skipSpecialTokens) {
        for (int id : ids) {
            if (id < 0) {
                throw new IllegalArgumentException("token id %d is negative; ids count from 0".formatted(id));
            }
        }
        return library.decode(Arrays.stream(ids).asLongStream().toArray(), skipSpecialTokens);
    }

    /// The token that begins a text, where the model has one.
    public OptionalInt bosId() {
        return bosId;
    }

    /// The token that ends a text, where the model has one.
    public OptionalInt eosId() {
        return eosId;
    }

    /// Every token at which generation ends: [#eosId], those that `generation_config.json` and `config.json`
    /// name, and the one with which the chat template ends what the assistant says.
    public synchronized Set<Integer> stopIds() {
        if (stopIds == null) { // not before it is asked for: a template is work, and may be unfit for anything
            Set<Integer> all = new LinkedHashSet<>(fileStops);
            fit().ifPresent(fit -> fit.turnEnd().ifPresent(all::add));
            stopIds = Collections.unmodifiableSet(all);
        }
        return stopIds;
    }

    /// The tokens that mean something rather than say it, such as `<|im_end|>`, with how they are
    /// written: text that is written so becomes them.
    public Map<Integer, String> specialTokens() {
        return special;
    }

    /// How the chat template goes with this vocabulary; empty where there is none, or none that writes a
    /// question and an answer.
    public Optional<TemplateFit> fit() {
        return chatTemplate.flatMap(this::fit);
    }

    /// How another template would.
    public Optional<TemplateFit> fit(ChatTemplate template) {
        return TemplateFit.of(template.withSpecialTokens(specialTokens), whole);
    }

    /// The id of one token, as it is written in the vocabulary (`"▁the"`, `"Ġthe"`).
    public OptionalInt idOf(String token) {
        Integer id = vocabulary.get(token);
        return id == null ? OptionalInt.empty() : OptionalInt.of(id);
    }

    /// Rows that an embedding needs for this vocabulary: the largest id, added tokens included, plus one.
    public int vocabularySize() {
        return vocabularySize;
    }

    /// What this tokenizer is, as text: two that turn texts into ids by the same rules have the same.
    public String canonical() {
        return canonical;
    }

    /// How this model writes a conversation, where it says so.
    public Optional<ChatTemplate> chatTemplate() {
        return chatTemplate;
    }

    @Override
    public void close() {
        library.close();
    }

    private static OptionalInt first(Set<Integer> ids) {
        return ids.stream().mapToInt(Integer::intValue).findFirst();
    }

    private static int[] ints(long[] values) {
        int[] result = new int[values.length];
        for (int i = 0; i < values.length; i++) {
            result[i] = Math.toIntExact(values[i]);
        }
        return result;
    }

    /// `result[k]` is the index of the `char` at which code point `k` begins: the library counts code
    /// points.
    private static int[] charIndices(String text) {
        int[] result = new int[text.codePointCount(0, text.length()) + 1];
        for (int k = 0, at = 0; k < result.length; k++) {
            result[k] = at;
            at += at < text.length() ? Character.charCount(text.codePointAt(at)) : 0;
        }
        return result;
    }
}
