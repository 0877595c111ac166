package dev.graft.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BpeTrainerTest {
    private static final List<String> SPECIALS = List.of("<|end|>", "<|turn|>");
    private static final int BYTES = 256;
    private static final List<String> TEXTS = List.of(
            "The baker bakes bread.\nThe butter is better than the bitter bread.",
            "Price: 120 euro, 12 euro each; \"late\", \"paid\"",
            "Grüße aus Zürich, Grüße aus Köln! 你好，你好 😀😀");

    /// The trained tokenizer as the Rust implementation reads it, shared by the properties.
    private static HuggingFaceTokenizer loaded;

    @BeforeContainer
    static void loadTrained() throws IOException {
        Path directory = Files.createTempDirectory("bpe");
        new BpeTrainer(400, SPECIALS, BpeTrainer.GPT2).train(TEXTS).save(directory, "{{ messages }}");
        loaded = open(directory);
        for (String name : List.of("tokenizer.json", "tokenizer_config.json")) {
            Files.delete(directory.resolve(name));
        }
        Files.delete(directory);
    }

    @AfterContainer
    static void close() {
        loaded.close();
    }

    @Property
    void decodingGivesBackAnyText(@ForAll("anyText") String text) {
        long[] ids = loaded.encode(text, false, false).getIds();

        assertThat(loaded.decode(ids, false)).isEqualTo(text);
    }

    /// Every code point but the surrogates, which are no characters: `String::codePoints` would give them back changed.
    @Provide
    Arbitrary<String> anyText() {
        Arbitrary<Integer> everywhere = Arbitraries.integers()
                .between(0, Character.MAX_CODE_POINT)
                .filter(code -> code < Character.MIN_SURROGATE || code > Character.MAX_SURROGATE);
        Arbitrary<Integer> familiar =
                Arbitraries.of(" \n\t'sd09<|end ü你".codePoints().boxed().toList());
        return Arbitraries.oneOf(everywhere, familiar)
                .list()
                .ofMaxSize(40)
                .map(codes -> new String(codes.stream().mapToInt(code -> code).toArray(), 0, codes.size()))
                .filter(text -> !text.contains("<|end|>"));
    }

    @Property(tries = 50)
    void orderOfTheTextsDoesNotMatter(@ForAll long seed) {
        List<String> shuffled = new ArrayList<>(TEXTS);
        Collections.shuffle(shuffled, new Random(seed));

        assertThat(new BpeTrainer(350, SPECIALS, BpeTrainer.GPT2).train(shuffled).merges())
                .isEqualTo(new BpeTrainer(350, SPECIALS, BpeTrainer.GPT2).train(TEXTS).merges());
    }

    @Test
    void mostFrequentPairIsMergedFirst() {
        // pairs inside "abab": ab 2, ba 1; in "abc": ab 1, bc 1. So "ab" with 3, then (ab)(ab) with... 1: not twice,
        // stop
        BpeVocabulary vocabulary = new BpeTrainer(1000, SPECIALS, BpeTrainer.GPT2).train(List.of("abab", "abc"));

        int a = SPECIALS.size() + 'a';
        assertThat(vocabulary.merges()).containsExactly(new BpeVocabulary.Merge(a, a + 1));
        assertThat(vocabulary.tokens()).hasSize(SPECIALS.size() + BYTES + 1);
        assertThat(vocabulary.tokens().getLast()).isEqualTo("ab".getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void overlappingPairsAreMergedFromTheLeft() {
        // "aaa" twice: aa occurs at two places of each, four in all; merged from the left it leaves (aa) a, twice
        BpeVocabulary vocabulary = new BpeTrainer(1000, SPECIALS, BpeTrainer.GPT2).train(List.of("aaa aaa"));

        assertThat(vocabulary.tokens().stream()
                        .skip(SPECIALS.size() + BYTES)
                        .map(bytes -> new String(bytes, StandardCharsets.UTF_8)))
                .startsWith("aa", "aaa");
    }

    @Test
    void noTokenCrossesAWordOrJoinsDigits() {
        BpeVocabulary vocabulary = new BpeTrainer(1000, SPECIALS, BpeTrainer.GPT2).train(Collections.nCopies(9, "in the end 2025 2025"));

        assertThat(learnt(vocabulary))
                .contains(" the", " end")
                .noneMatch(token -> token.matches(".*\\d.+|.+\\d.*|.+ .*"));
    }

    @Test
    void specialTokensInATextTeachNothing() {
        BpeVocabulary vocabulary = new BpeTrainer(1000, SPECIALS, BpeTrainer.GPT2).train(Collections.nCopies(9, "a<|end|>b<|turn|>"));

        assertThat(vocabulary.merges()).isEmpty();
    }

    @Test
    void mergesShortenTheTextTheyWereLearntFrom(@TempDir Path directory) throws IOException {
        var trained = new BpeTrainer(400, SPECIALS, BpeTrainer.GPT2).train(TEXTS);
        trained.save(directory, "");
        try (HuggingFaceTokenizer tokenizer = open(directory)) {
            int tokens = 0, bytes = 0;
            for (String text : TEXTS) {
                tokens += tokenizer.encode(text, false, false).getIds().length;
                bytes += text.getBytes(StandardCharsets.UTF_8).length;
            }
            assertThat(tokens).isLessThan(bytes * 2 / 3);
        }
    }

    @Test
    void firstSpecialTokenIsPutInFrontAndAllAreReadWhole(@TempDir Path directory) throws IOException {
        new BpeTrainer(300, SPECIALS, BpeTrainer.GPT2).train(TEXTS).save(directory, "");
        try (HuggingFaceTokenizer tokenizer = open(directory)) {
            long b = SPECIALS.size() + 'b';

            assertThat(tokenizer.encode("b<|turn|>", true, false).getIds()).containsExactly(0, b, 1);
            assertThat(tokenizer.encode("b<|turn|>", false, false).getIds()).containsExactly(b, 1);
        }
    }

    @Test
    void sameTextsGiveTheSameFiles(@TempDir Path directory) throws IOException {
        for (String run : List.of("one", "two")) {
            new BpeTrainer(400, SPECIALS, BpeTrainer.GPT2).train(TEXTS).save(directory.resolve(run), "{{ bos_token }}");
        }

        for (String name : List.of("tokenizer.json", "tokenizer_config.json")) {
            assertThat(directory.resolve("two").resolve(name))
                    .hasSameBinaryContentAs(directory.resolve("one").resolve(name));
        }
    }

    @Test
    void vocabularyTooSmallForTheBytesIsRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new BpeTrainer(257, SPECIALS, BpeTrainer.GPT2))
                .withMessageContainingAll("257", "at least 258");
    }

    @Test
    void withoutSpecialTokenThereIsNoEnd() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new BpeTrainer(300, List.of(), BpeTrainer.GPT2))
                .withMessageContaining("no special token");
    }

    private static List<String> learnt(BpeVocabulary vocabulary) {
        return vocabulary.tokens().stream()
                .skip(SPECIALS.size() + BYTES)
                .map(bytes -> new String(bytes, StandardCharsets.UTF_8))
                .toList();
    }

    private static HuggingFaceTokenizer open(Path directory) throws IOException {
        return HuggingFaceTokenizer.newInstance(
                directory.resolve("tokenizer.json"), Map.of("truncation", "false", "padding", "false"));
    }
}
