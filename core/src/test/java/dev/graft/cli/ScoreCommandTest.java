package dev.graft.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.graft.Goldens;
import dev.graft.SharedData;
import dev.graft.format.Json;
import dev.graft.format.WeightFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ScoreCommandTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    static Path models;

    @TempDir
    Path folder;

    private static Path model;

    @BeforeAll
    static void makeModel() {
        model = TinyModel.in(models);
    }

    @Test
    void logProbabilitiesAreThoseOfTransformers() throws IOException {
        JsonNode golden = Goldens.json("llama-tiny/logits.json");
        StringBuilder rows = new StringBuilder();
        golden.path("sequences")
                .forEach(ids -> rows.append("{\"token_ids\":").append(ids).append("}\n"));
        List<JsonNode> scored = score(Goldens.path("llama-tiny"), rows.toString(), "--dtype", "float32");
        assertThat(scored).hasSize(3);
        try (WeightFiles logits = WeightFiles.openFile(Goldens.path("llama-tiny/logits.safetensors"))) {
            for (int s = 0; s < 3; s++) {
                int[] ids = Goldens.ints(golden.path("sequences").get(s));
                float[] values = Goldens.floats(logits, "logits." + s);
                int vocab = values.length / ids.length;
                assertThat(scored.get(s).path("logprobs")).hasSize(ids.length);
                assertThat(scored.get(s).path("logprobs").get(0).isNull()).isTrue();
                for (int i = 1; i < ids.length; i++) {
                    double expected = logProb(values, (i - 1) * vocab, vocab, ids[i]);
                    assertThat(scored.get(s).path("logprobs").get(i).asDouble()).isCloseTo(expected, within(2e-5));
                }
            }
        }
    }

    private static double logProb(float[] logits, int from, int vocab, int target) {
        double sum = 0;
        for (int i = 0; i < vocab; i++) {
            sum += Math.exp(logits[from + i]);
        }
        return logits[from + target] - Math.log(sum);
    }

    @Test
    void storiesAreAsLikelyAsPyTorchFindsThem() throws IOException {
        Path stories = SharedData.file("models/stories260k/hf");
        JsonNode golden = Json.readObject(SharedData.file("models/stories260k/goldens.json"), "goldens");
        StringBuilder rows = new StringBuilder();
        golden.path("forward")
                .forEach(one ->
                        rows.append("{\"text\":").append(one.path("text")).append("}\n"));
        List<JsonNode> scored = score(stories, rows.toString(), "--dtype", "float32");
        for (int s = 0; s < scored.size(); s++) {
            JsonNode expected = golden.path("forward").get(s);
            assertThat(scored.get(s).path("token_ids")).isEqualTo(expected.path("ids"));
            for (int i = 0; i < expected.path("token_nll").size(); i++) {
                assertThat(-scored.get(s).path("logprobs").get(i + 1).asDouble())
                        .isCloseTo(expected.path("token_nll").get(i).asDouble(), within(2e-5));
            }
        }
    }

    @Test
    void rowsKeepTheirKeysAndGainTwo() throws IOException {
        Path input = write("""
                {"id":7,"text":"hello world","weight":1.50,"nested":{"b":null,"a":[1,2e3]}}

                {"token_ids":[1],"é":"ü"}
                """);
        Ran ran = Ran.graft("score", model, "--input", input, "--output", folder.resolve("out.jsonl"));
        assertThat(ran.exitCode()).as(ran.err()).isZero();
        List<String> lines = Files.readAllLines(folder.resolve("out.jsonl"));
        assertThat(lines).hasSize(2);
        assertThat(lines.get(0))
                .startsWith("{\"id\":7,\"text\":\"hello world\",\"weight\":1.50,\"nested\":{\"b\":null,\"a\":[1,2")
                .containsPattern("\"token_ids\":\\[\\d+(,\\d+)+],\"logprobs\":\\[null(,-[\\d.E-]+)+]}$");
        assertThat(lines.get(1)).isEqualTo("{\"token_ids\":[1],\"é\":\"ü\",\"logprobs\":[null]}");
        assertThat(ran.out()).startsWith("2 rows, ").contains("mean logprob -", "perplexity ");
    }

    /// Together the rows fill more than one run; alone each has its own.
    @Test
    void packingDoesNotChangeAScore() throws IOException {
        StringBuilder rows = new StringBuilder();
        for (int i = 0; i < 120; i++) {
            rows.append("{\"text\":\"")
                    .append("hello world ".repeat(1 + i % 4))
                    .append(i)
                    .append("\"}\n");
        }
        List<JsonNode> together = score(model, rows.toString(), "--dtype", "float32");
        for (int i : new int[] {0, 57, 119}) {
            String row = rows.toString().split("\n")[i] + "\n";
            JsonNode alone =
                    score(model, row, "--dtype", "float32", "--overwrite").getFirst();
            for (int t = 1; t < alone.path("logprobs").size(); t++) {
                assertThat(together.get(i).path("logprobs").get(t).asDouble())
                        .isCloseTo(alone.path("logprobs").get(t).asDouble(), within(1e-5));
            }
        }
    }

    @Test
    void anAdapterChangesTheScores() throws IOException {
        Path adapter = TinyModel.adapterIn(folder, model);
        String row = "{\"text\":\"hello world\"}\n";
        JsonNode base = score(model, row).getFirst();
        JsonNode adapted =
                score(model, row, "--adapter", adapter, "--overwrite").getFirst();
        assertThat(adapted.path("token_ids")).isEqualTo(base.path("token_ids"));
        assertThat(adapted.path("logprobs")).isNotEqualTo(base.path("logprobs"));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '~',
            value = {
                "{\"text\": \"a\", \"token_ids\": [1]} | both \"text\" and \"token_ids\"",
                "{\"txt\": \"a\"}                      | neither \"text\" nor \"token_ids\"; its keys are \"txt\"",
                "{}                                    | its keys are none",
                "{\"text\": 3}                         | \"text\" is 3; expected a string",
                "{\"text\": null}                      | \"text\" is null",
                "{\"text\": \"\\ud800\"}               | half a surrogate pair",
                "{\"token_ids\": \"1 2\"}              | \"token_ids\" is \"1 2\"; expected a list",
                "{\"token_ids\": [1, 2.5]}             | holds 2.5; expected whole numbers",
                "{\"token_ids\": [1, 99999999999]}     | holds 99999999999",
                "{\"token_ids\": []}                   | no tokens",
                "{\"token_ids\": [1, 5000]}            | token id 5000 is not in the vocabulary",
                "{\"token_ids\": [-1]}                 | token id -1 is not in the vocabulary",
                "{\"text\": \"a\", \"logprobs\": []}   | \"logprobs\" already",
                "{\"text\": \"a\", \"text\": \"b\"}    | Duplicate field",
                "[1, 2]                                | it is [1,2]; expected an object",
                "{\"text\": \"a\"                      | not valid JSON",
                "{\"text\": \"a\"} {}                  | not valid JSON",
            })
    void aRowThatCannotBeScoredIsNamed(String row, String reason) throws IOException {
        Path input = write("{\"text\": \"fine\"}\n" + row + "\n");
        Path output = folder.resolve("out.jsonl");
        Ran ran = Ran.graft("score", model, "--input", input, "--output", output);
        assertThat(ran.exitCode()).isEqualTo(1);
        assertThat(ran.err()).contains(input.toString(), "row 2: ", reason).doesNotContain("bug", "\tat ");
        assertThat(output).doesNotExist();
    }

    @Test
    void aRowLongerThanTheContextIsNamed() throws IOException {
        String ids = "1,".repeat(TinyModel.CONTEXT) + "1";
        Ran ran = Ran.graft(
                "score", model, "--input", write("{\"token_ids\":[" + ids + "]}\n"), "--output", folder.resolve("o"));
        assertThat(ran.exitCode()).isEqualTo(1);
        assertThat(ran.err()).contains("row 1: it has 65 tokens", "at most 64");
    }

    @Test
    void nothingExistingIsOverwrittenUnlessAskedFor() throws IOException {
        Path input = write("{\"text\":\"hello\"}\n");
        Path output = Files.writeString(folder.resolve("out.jsonl"), "mine");
        Ran refused = Ran.graft("score", model, "--input", input, "--output", output);
        assertThat(refused.exitCode()).isEqualTo(1);
        assertThat(refused.err()).contains(output.toString(), "--overwrite");
        assertThat(output).hasContent("mine");
        assertThat(Ran.graft("score", model, "--input", input, "--output", output, "--overwrite")
                        .exitCode())
                .isZero();
        assertThat(output).content().startsWith("{\"text\":\"hello\",\"token_ids\":");
    }

    @Test
    void pathsThatCannotWorkAreSentences() throws IOException {
        Path input = write("\n");
        assertThat(Ran.graft("score", model, "--input", folder.resolve("no"), "--output", folder.resolve("o"))
                        .err())
                .contains("no", "no such file or folder");
        assertThat(Ran.graft("score", model, "--input", input, "--output", folder.resolve("o"))
                        .err())
                .contains("holds no rows");
        assertThat(Ran.graft("score", model, "--input", input, "--output", folder.resolve("x/o"))
                        .err())
                .contains("is not an existing folder");
        assertThat(Ran.graft("score", model, "--input", input, "--output", folder)
                        .err())
                .contains("is a folder");
        Ran usage = Ran.graft("score", model);
        assertThat(usage.exitCode()).isEqualTo(2);
        assertThat(usage.err()).contains("--input", "graft score --help");
    }

    private Path write(String rows) throws IOException {
        return Files.writeString(folder.resolve("in.jsonl"), rows);
    }

    /// The scored rows.
    private List<JsonNode> score(Path model, String rows, Object... more) throws IOException {
        Path output = folder.resolve("scored.jsonl");
        List<Object> arguments = new ArrayList<>(List.of("score", model, "--input", write(rows), "--output", output));
        arguments.addAll(List.of(more));
        Ran ran = Ran.graft(arguments.toArray());
        assertThat(ran.exitCode()).as(ran.err()).isZero();
        List<JsonNode> scored = new ArrayList<>();
        for (String line : Files.readAllLines(output)) {
            scored.add(JSON.readTree(line));
        }
        return scored;
    }
}
