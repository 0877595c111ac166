package dev.graft.format.vocabulary;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.graft.format.FormatException;
import dev.graft.format.GgufValue;
import dev.graft.format.GgufWriter;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Tokenizers in the metadata of GGUF files.
class GgufVocabularyTest {
    @TempDir
    Path folder;

    private TokenizerTexts texts(GgufValue endOfText) {
        return texts(endOfText, Map.of());
    }

    private TokenizerTexts texts(GgufValue endOfText, Map<String, GgufValue> more) {
        Map<String, GgufValue> metadata = new LinkedHashMap<>();
        metadata.put("general.architecture", GgufValue.of("llama"));
        metadata.put("tokenizer.ggml.model", GgufValue.of("llama"));
        metadata.put("tokenizer.ggml.tokens", new GgufValue.Texts(List.of("<unk>", "<s>", "</s>", "▁", "a")));
        metadata.put("tokenizer.ggml.scores", GgufValue.Numbers.of(0f, 0f, 0f, -1f, -2f));
        metadata.put("tokenizer.ggml.token_type", GgufValue.Numbers.of(2, 3, 3, 1, 1));
        metadata.put("tokenizer.ggml.bos_token_id", GgufValue.of(1L));
        metadata.put("tokenizer.ggml.eos_token_id", endOfText);
        metadata.putAll(more);
        Path file = folder.resolve("vocabulary.gguf");
        GgufWriter.write(file, metadata, List.of());
        return TokenizerTexts.of(file);
    }

    private static GgufValue signed(long id) {
        return new GgufValue.Whole(GgufValue.Kind.INT32, id);
    }

    @Test
    void specialTokensAreNamedByTheirIds() {
        assertThat(texts(GgufValue.of(2L)).text("tokenizer_config.json").orElseThrow())
                .contains("\"bos_token\":\"<s>\"", "\"eos_token\":\"</s>\"");
    }

    @Test
    void minusOneIsNoTokenHoweverItIsWritten() {
        for (GgufValue none : List.of(signed(-1), GgufValue.of(0xffffffffL))) {
            assertThat(texts(none).text("tokenizer_config.json").orElseThrow())
                    .contains("bos_token")
                    .doesNotContain("eos_token");
        }
    }

    @Test
    void aPaddingTokenThatIsNotThereIsNotNeeded() {
        assertThat(texts(GgufValue.of(2L), Map.of("tokenizer.ggml.padding_token_id", GgufValue.of(5L)))
                        .text("tokenizer_config.json")
                        .orElseThrow())
                .doesNotContain("pad_token");
    }

    @ParameterizedTest
    @ValueSource(longs = {-2, 5, 100_000})
    void idsThatTheVocabularyDoesNotHaveAreRefused(long id) {
        assertThatExceptionOfType(FormatException.class)
                .isThrownBy(() -> texts(signed(id)).text("tokenizer_config.json"))
                .withMessageContainingAll("eos_token_id is " + id, "a token from 0 to 4");
    }
}
