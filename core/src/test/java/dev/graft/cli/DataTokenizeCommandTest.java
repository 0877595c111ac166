package dev.graft.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.graft.Goldens;
import dev.graft.SharedData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DataTokenizeCommandTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    Path folder;

    /// 46 texts of each kind, from the Hugging Face tokenizers and SentencePiece libraries.
    @ParameterizedTest
    @CsvSource({
        "gpt2, tokenizers/gpt2/tokenizer.json",
        "gpt-neox-20b, tokenizers/gpt-neox-20b",
        "bert-base-cased, tokenizers/bert-base-cased",
        "stories260k, models/stories260k/hf",
    })
    void idsAndTextsAreThoseOfTheirLibraries(String golden, String tokenizer) throws IOException {
        check(golden, SharedData.file(tokenizer));
    }

    @Test
    void vocabularyAndMergesMakeAByteLevelTokenizer() throws IOException {
        Path files = Files.createDirectory(folder.resolve("gpt2"));
        for (String name : List.of("vocab.json", "merges.txt")) {
            Files.copy(SharedData.file("tokenizers/gpt2/" + name), files.resolve(name));
        }
        check("gpt2", files);
    }

    /// Against Transformers' BertTokenizer on the same file: `scripts/goldens_masks.py`.
    @Test
    void listOfWordsMakesAWordPieceTokenizer() throws IOException {
        JsonNode golden = Goldens.json("templates/bert-uncased.json");
        StringBuilder rows = new StringBuilder();
        golden.path("cases")
                .forEach(one -> rows.append(JSON.createObjectNode()
                                .put("text", one.path("text").asText()))
                        .append('\n'));
        Files.writeString(folder.resolve("in.jsonl"), rows);
        List<JsonNode> with = tokenize(SharedData.file("tokenizers/bert-base-uncased"), "with.jsonl");
        for (int i = 0; i < with.size(); i++) {
            assertThat(with.get(i).path("token_ids"))
                    .isEqualTo(golden.path("cases").get(i).path("ids"));
        }
    }

    private void check(String golden, Path tokenizer) throws IOException {
        JsonNode cases = JSON.readTree(
                SharedData.file("tokenizers/goldens/%s.json".formatted(golden)).toFile());
        StringBuilder rows = new StringBuilder();
        cases.forEach(one -> rows.append(
                        JSON.createObjectNode().put("text", one.path("text").asText()))
                .append('\n'));
        Files.writeString(folder.resolve("in.jsonl"), rows);
        List<JsonNode> with = tokenize(tokenizer, "with.jsonl");
        List<JsonNode> without = tokenize(tokenizer, "without.jsonl", "--no-special-tokens");
        for (int i = 0; i < cases.size(); i++) {
            assertThat(with.get(i).path("token_ids")).isEqualTo(cases.get(i).path("ids"));
            assertThat(with.get(i).path("decoded")).isEqualTo(cases.get(i).path("decoded_skip_special"));
            assertThat(without.get(i).path("token_ids")).isEqualTo(cases.get(i).path("ids_no_special"));
        }
    }

    private List<JsonNode> tokenize(Path tokenizer, String output, String... more) throws IOException {
        List<String> arguments = new ArrayList<>(List.of(
                "data",
                "tokenize",
                "--model",
                tokenizer.toString(),
                "--input",
                folder.resolve("in.jsonl").toString(),
                "--output",
                folder.resolve(output).toString()));
        arguments.addAll(List.of(more));
        Ran ran = Ran.graft(arguments.toArray());
        assertThat(ran.exitCode()).as(ran.err()).isZero();
        List<JsonNode> all = new ArrayList<>();
        for (String line : Files.readAllLines(folder.resolve(output))) {
            all.add(JSON.readTree(line));
        }
        return all;
    }
}
