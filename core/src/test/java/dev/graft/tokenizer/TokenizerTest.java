package dev.graft.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.graft.SharedData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TokenizerTest {
    @TempDir
    Path folder;

    /// Ids and texts of 46 strings from the Rust library and the models' own tokenizers.
    @ParameterizedTest
    @CsvSource({
        "stories260k, models/stories260k/hf",
        "gpt2, tokenizers/gpt2/tokenizer.json",
        "gpt-neox-20b, tokenizers/gpt-neox-20b/tokenizer.json",
        "bert-base-cased, tokenizers/bert-base-cased/tokenizer.json"
    })
    void realTokenizersGiveTheirKnownIds(String name, String path) throws IOException {
        JsonNode goldens = new ObjectMapper()
                .readTree(SharedData.file("tokenizers/goldens/%s.json".formatted(name))
                        .toFile());
        assertThat(goldens.size()).isGreaterThan(40);
        try (var tokenizer = Tokenizer.load(SharedData.file(path))) {
            List<String> texts = new ArrayList<>();
            for (JsonNode golden : goldens) {
                String text = golden.path("text").textValue();
                texts.add(text);
                int[] ids = ints(golden.path("ids"));
                assertThat(tokenizer.encode(text, true)).as(text).isEqualTo(ids);
                assertThat(tokenizer.encode(text, false)).as(text).isEqualTo(ints(golden.path("ids_no_special")));
                assertThat(tokenizer.encodeWithOffsets(text, true).ids()).isEqualTo(ids);
                assertThat(tokenizer.decode(ids, true))
                        .isEqualTo(golden.path("decoded_skip_special").textValue());
            }
            List<int[]> all = tokenizer.encodeAll(texts, true);
            for (int i = 0; i < all.size(); i++) {
                assertThat(all.get(i)).isEqualTo(ints(goldens.get(i).path("ids")));
            }
        }
    }

    @Test
    void offsetsCountCharsOfTheJavaString() {
        try (var tokenizer = TinyTokenizer.load()) {
            String text = "😀hello yes"; // the emoji is two chars, one code point and four bytes
            Encoded encoded = tokenizer.encodeWithOffsets(text, true);

            assertThat(encoded.ids()).hasSize(1 + 4 + 1 + 1);
            assertThat(encoded.special()).containsExactly(true, false, false, false, false, false, false);
            assertThat(text.substring(encoded.starts()[5], encoded.ends()[5])).isEqualTo("hello");
            assertThat(text.substring(encoded.starts()[6], encoded.ends()[6])).isEqualTo("yes");
            assertThat(encoded.ends()[1]).isEqualTo(2);
        }
    }

    @Test
    void textIsNeitherCutNorPaddedWhateverTheFileSays() {
        try (var tokenizer = TinyTokenizer.load()) { // its file asks for exactly eight tokens
            assertThat(tokenizer.encode("hello".repeat(20), true)).hasSize(21);
            assertThat(tokenizer.encode("hello", true)).hasSize(2);
            assertThat(tokenizer.encode("", false)).isEmpty();
            assertThat(tokenizer.encodeAll(List.of("hello", "hello yes no"), true))
                    .extracting(ids -> ids.length)
                    .containsExactly(2, 4);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "hello world", "tab\t newline\n\n", "😀 é 你好", "nul \u0000 inside", "  spaces  "})
    void decodingGivesTheTextBack(String text) {
        try (var tokenizer = TinyTokenizer.load()) {
            assertThat(tokenizer.decode(tokenizer.encode(text, true), true)).isEqualTo(text);
        }
    }

    @Test
    void specialTokensAreFoundByNameAndById() {
        try (var tokenizer = TinyTokenizer.load()) {
            assertThat(tokenizer.bosId()).hasValue(0);
            assertThat(tokenizer.eosId()).hasValue(1);
            assertThat(tokenizer.stopIds()).containsExactly(1, 3); // 3 is in generation_config.json only
            assertThat(tokenizer.idOf("<|im_end|>")).hasValue(3);
            assertThat(tokenizer.idOf("Ġworld")).isPresent();
            assertThat(tokenizer.idOf("absent")).isEmpty();
            assertThat(tokenizer.vocabularySize())
                    .isEqualTo(tokenizer.idOf("assistant").getAsInt() + 1);
            assertThat(tokenizer.decode(new int[] {0, 3}, false)).isEqualTo("<s><|im_end|>");
            assertThat(tokenizer.decode(new int[] {0, 3}, true)).isEmpty();
        }
    }

    @Test
    void specialTokensFallBackToTheMapAndThenToIds() throws IOException {
        TinyTokenizer.copyTo(folder);
        Files.delete(folder.resolve("tokenizer_config.json"));
        Files.writeString(folder.resolve("special_tokens_map.json"), "{\"bos_token\": \"<s>\"}");
        Files.writeString(folder.resolve("generation_config.json"), "{}");
        Files.writeString(folder.resolve("config.json"), "{\"bos_token_id\": 2, \"eos_token_id\": [3, 1]}");
        try (var tokenizer = Tokenizer.load(folder)) {
            assertThat(tokenizer.bosId()).hasValue(0);
            assertThat(tokenizer.eosId()).hasValue(3);
            assertThat(tokenizer.stopIds()).containsExactly(3, 1);
            assertThat(tokenizer.chatTemplate()).isEmpty();
        }
    }

    @Test
    void withoutTheOtherFilesThereAreNoSpecialTokens() throws IOException {
        TinyTokenizer.copyTo(folder);
        Files.delete(folder.resolve("tokenizer_config.json"));
        Files.delete(folder.resolve("generation_config.json"));
        try (var tokenizer = Tokenizer.load(folder.resolve("tokenizer.json"))) {
            assertThat(tokenizer.bosId()).isEqualTo(OptionalInt.empty());
            assertThat(tokenizer.eosId()).isEqualTo(OptionalInt.empty());
            assertThat(tokenizer.stopIds()).isEmpty();
        }
    }

    @Test
    void ownTemplateFileComesBeforeTheConfiguration() throws IOException {
        TinyTokenizer.copyTo(folder);
        Files.writeString(folder.resolve("chat_template.jinja"), "{{ bos_token }}{{ messages[0].content }}");
        try (var tokenizer = Tokenizer.load(folder)) {
            assertThat(tokenizer.chatTemplate().orElseThrow().render(List.of(new Message("user", "hi")), false))
                    .isEqualTo("<s>hi");
        }
    }

    @Test
    void namedTemplatesOfferTheDefaultOne() throws IOException {
        TinyTokenizer.copyTo(folder);
        Files.writeString(folder.resolve("tokenizer_config.json"), """
                {"chat_template": [{"name": "tool_use", "template": "no"}, {"name": "default", "template": "yes"}]}""");
        try (var tokenizer = Tokenizer.load(folder)) {
            assertThat(tokenizer.chatTemplate().orElseThrow().source()).isEqualTo("yes");
        }
    }

    @Test
    void missingTokenizerIsNamed() {
        assertThatThrownBy(() -> Tokenizer.load(folder))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(folder.resolve("tokenizer.json").toString())
                .hasMessageContaining("does not exist");
    }

    @Test
    void damagedSentencePieceFileIsNamed() throws IOException {
        Files.writeString(folder.resolve("tokenizer.model"), "x");
        assertThatThrownBy(() -> Tokenizer.load(folder))
                .hasMessageContaining("tokenizer.model")
                .hasMessageContaining("SentencePiece")
                .hasMessageContaining("save the tokenizer as tokenizer.json");
    }

    @Test
    void cutOffFileIsNamedWithTheLine() throws IOException {
        TinyTokenizer.copyTo(folder);
        Path file = folder.resolve("tokenizer.json");
        Files.writeString(file, Files.readString(file).substring(0, 2000));
        assertThatThrownBy(() -> Tokenizer.load(folder))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(file.toString())
                .hasMessageContaining("line 1")
                .hasMessageContaining("cut off");
    }

    @Test
    void fileOfAnotherKindIsRefused() throws IOException {
        Path file = folder.resolve("tokenizer.json");
        Files.writeString(file, "{\"model\": {\"type\": \"Strange\", \"vocab\": {\"a\": 0}}}");
        assertThatThrownBy(() -> Tokenizer.load(folder))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(file.toString())
                .hasMessageContaining("cannot be used as a tokenizer");
        Files.writeString(file, "{\"hidden_size\": 64}");
        assertThatThrownBy(() -> Tokenizer.load(folder)).hasMessageContaining("holds no vocabulary");
    }

    @Test
    void unknownEndOfTextTokenIsNamed() throws IOException {
        TinyTokenizer.copyTo(folder);
        Files.writeString(folder.resolve("tokenizer_config.json"), "{\"eos_token\": \"<end>\"}");
        assertThatThrownBy(() -> Tokenizer.load(folder))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("\"<end>\"")
                .hasMessageContaining("eos_token");
    }

    private static int[] ints(JsonNode array) {
        return IntStream.range(0, array.size())
                .map(i -> array.get(i).intValue())
                .toArray();
    }
}
