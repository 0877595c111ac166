package dev.graft.generate;

import static org.assertj.core.api.Assertions.assertThat;

import dev.graft.SharedData;
import dev.graft.tokenizer.TinyTokenizer;
import dev.graft.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class TokenTextTest {
    private static final String MANY_BYTES = "naïve 日本語, 👩‍🚀 and €";

    @Test
    void charactersOfSeveralTokensComeWhole() {
        try (Tokenizer tokenizer = TinyTokenizer.load()) {
            int[] ids = tokenizer.encode("é€👩", false);
            assertThat(ids).hasSize(2 + 3 + 4); // this tokenizer splits them into bytes
            assertThat(pieces(tokenizer, ids, 0)).containsExactly("", "é", "", "", "€", "", "", "", "👩", "");
        }
    }

    @Property(tries = 200)
    void piecesJoinToTheText(@ForAll long seed, @ForAll @IntRange(max = 12) int before) {
        StringBuilder text = new StringBuilder();
        new Random(seed)
                .ints(0, MANY_BYTES.codePointCount(0, MANY_BYTES.length()))
                .limit(20)
                .forEach(i -> text.appendCodePoint(
                        MANY_BYTES.codePoints().skip(i).findFirst().orElseThrow()));
        try (Tokenizer tokenizer = TinyTokenizer.load()) {
            int[] first = tokenizer.encode("ab cdé€", false);
            int[] head = Arrays.copyOf(first, Math.min(before, 4));
            int[] rest = tokenizer.encode(text.toString(), false);
            int[] ids = Arrays.copyOf(head, head.length + rest.length);
            System.arraycopy(rest, 0, ids, head.length, rest.length);
            List<String> pieces = pieces(tokenizer, ids, head.length);
            assertThat(String.join("", pieces)).isEqualTo(text.toString());
            assertThat(pieces).noneMatch(piece -> piece.contains("\uFFFD"));
        }
    }

    @Test
    void brokenCharacterAtTheEndIsShownBroken() {
        try (Tokenizer tokenizer = TinyTokenizer.load()) {
            int[] ids = tokenizer.encode("a€", false);
            List<String> pieces = pieces(tokenizer, Arrays.copyOf(ids, ids.length - 1), 0);
            assertThat(String.join("", pieces)).startsWith("a").endsWith("\uFFFD");
            assertThat(pieces.getLast()).contains("\uFFFD");
        }
    }

    @Test
    void leadingSpaceOfAWordShowsWhereTextStandsBeforeIt() {
        try (Tokenizer tokenizer = Tokenizer.load(SharedData.file("models/stories260k/hf"))) {
            int[] ids = tokenizer.encode("Once upon a time", true);
            assertThat(String.join("", pieces(tokenizer, ids, 1))).isEqualTo("Once upon a time");
            assertThat(pieces(tokenizer, ids, ids.length - 1)).containsExactly(" time", "");
        }
    }

    @Test
    void bytesOfASentencePieceVocabularyComeWhole() {
        try (Tokenizer tokenizer = Tokenizer.load(SharedData.file("models/stories260k/hf"))) {
            int[] ids = tokenizer.encode(MANY_BYTES, false);
            List<String> pieces = pieces(tokenizer, ids, 0);
            assertThat(String.join("", pieces)).isEqualTo(MANY_BYTES);
            assertThat(pieces).noneMatch(piece -> piece.contains("\uFFFD"));
        }
    }

    /// What each token from `start` on adds, and the rest.
    private static List<String> pieces(Tokenizer tokenizer, int[] ids, int start) {
        TokenText text = new TokenText(tokenizer, Arrays.copyOf(ids, start));
        List<String> pieces = new ArrayList<>();
        for (int i = start; i < ids.length; i++) {
            pieces.add(text.add(ids[i]));
        }
        pieces.add(text.finish());
        return pieces;
    }
}
