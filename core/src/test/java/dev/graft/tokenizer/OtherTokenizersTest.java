package dev.graft.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.graft.SharedData;
import dev.graft.format.FormatException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Tokenizers that come in other files than `tokenizer.json`, against what the libraries that own them give.
class OtherTokenizersTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"gguf/stories260K.gguf", "raw/stories260K.bin"})
    void theThreeFormsOfAModelGiveTheSameIds(String form) throws IOException {
        try (Tokenizer tokenizer = Tokenizer.load(SharedData.file("models/stories260k/" + form));
                Tokenizer hub = Tokenizer.load(SharedData.file("models/stories260k/hf"))) {
            for (JsonNode golden : goldens("stories260k")) {
                String text = golden.get("text").asText();
                assertThat(tokenizer.encode(text, true)).as(text).containsExactly(ids(golden.get("ids")));
                assertThat(tokenizer.decode(tokenizer.encode(text, true), true))
                        .isEqualTo(golden.get("decoded_skip_special").asText());
            }
            assertThat(tokenizer.bosId()).isEqualTo(hub.bosId());
            assertThat(tokenizer.eosId()).isEqualTo(hub.eosId());
            assertThat(tokenizer.stopIds()).isEqualTo(hub.stopIds());
            String story = Files.readString(SharedData.file("text/tinystories_sample.txt"));
            assertThat(tokenizer.encode(story, true)).containsExactly(hub.encode(story, true));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"open-llama-3b/tokenizer.model", "sentencepiece-unigram/test_model.model"})
    void sentencePieceModelsGiveSentencePiecesIds(String file) throws IOException {
        List<String> wrong = new ArrayList<>();
        try (Tokenizer tokenizer = Tokenizer.load(SharedData.file("tokenizers/" + file))) {
            for (JsonNode golden : goldens(file.replaceFirst("/.*", ""))) {
                String text = golden.get("text").asText();
                int[] expected = ids(golden.get("ids"));
                // SentencePiece reads "<s>" as three characters; as everywhere in Graft it is the token here
                if (!text.contains("<s>") && !Arrays.equals(tokenizer.encode(text, false), expected)) {
                    wrong.add("%s: %s; expected %s"
                            .formatted(
                                    text, Arrays.toString(tokenizer.encode(text, false)), Arrays.toString(expected)));
                }
            }
        }
        assertThat(wrong).isEmpty();
    }

    @Test
    void folderWithOnlyTokenizerModelWorks() throws IOException {
        Files.copy(SharedData.file("tokenizers/open-llama-3b/tokenizer.model"), folder.resolve("tokenizer.model"));
        Files.writeString(
                folder.resolve("tokenizer_config.json"),
                "{\"bos_token\": \"<s>\", \"eos_token\": \"</s>\", \"add_bos_token\": true, \"add_eos_token\": true}");
        try (Tokenizer tokenizer = Tokenizer.load(folder)) {
            assertThat(tokenizer.encode("Hello, world!", true)).containsExactly(1, 16644, 31844, 924, 31905, 2);
            assertThat(tokenizer.bosId()).hasValue(1);
            assertThat(tokenizer.eosId()).hasValue(2);
        }
    }

    @Test
    void checkpointNeedsOneTokenizerThatFits() throws IOException {
        Path model = folder.resolve("model.bin");
        Files.copy(SharedData.file("models/stories260k/raw/stories260K.bin"), model);
        assertThatExceptionOfType(FormatException.class)
                .isThrownBy(() -> Tokenizer.load(model))
                .withMessageContainingAll("no tokenizer of 512 tokens", "one tok*.bin of 512 tokens");
        Files.write(folder.resolve("tok4096.bin"), new byte[] {7, 0, 0, 0});
        Files.copy(SharedData.file("models/stories260k/raw/tok512.bin"), folder.resolve("tokenizer.bin"));
        Tokenizer.load(model).close();
        Files.copy(folder.resolve("tokenizer.bin"), folder.resolve("tok512.bin"));
        assertThatExceptionOfType(FormatException.class)
                .isThrownBy(() -> Tokenizer.load(model))
                .withMessageContaining("several tokenizers of 512 tokens are beside it: tok512.bin, tokenizer.bin");
    }

    private static JsonNode goldens(String name) throws IOException {
        return JSON.readTree(
                SharedData.file("tokenizers/goldens/" + name + ".json").toFile());
    }

    private static int[] ids(JsonNode array) {
        return IntStream.range(0, array.size()).map(i -> array.get(i).asInt()).toArray();
    }
}
