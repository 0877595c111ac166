package dev.graft.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.SharedData;
import dev.graft.format.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EvalCommandTest {
    @TempDir
    static Path models;

    @TempDir
    Path folder;

    private static Path model;

    @BeforeAll
    static void makeModel() {
        model = TinyModel.in(models);
    }

    /// The rows of the golden batch are texts; `</s>` behind each is to be predicted, too.
    @Test
    void lossIsThatOfScore() throws IOException {
        Path stories = SharedData.file("models/stories260k/hf");
        JsonNode golden = Json.readObject(SharedData.file("models/stories260k/goldens.json"), "goldens");
        StringBuilder texts = new StringBuilder();
        StringBuilder ids = new StringBuilder();
        for (JsonNode one : golden.path("forward")) {
            texts.append("{\"text\":").append(one.path("text")).append("}\n");
            ids.append("{\"token_ids\":")
                    .append(one.path("ids").toString().replace("]", ",2]"))
                    .append("}\n");
        }
        Path scored = folder.resolve("scored.jsonl");
        Ran score = Ran.graft(
                "score",
                stories,
                "--input",
                write("ids.jsonl", ids.toString()),
                "--output",
                scored,
                "--dtype",
                "float32");
        JsonNode eval = Ran.graft(
                        "eval",
                        stories,
                        "--data",
                        write("texts.jsonl", texts.toString()),
                        "--json",
                        "--dtype",
                        "float32")
                .json();
        double perplexity = Double.parseDouble(score.out().replaceFirst("(?s).*perplexity ([\\d.]+).*", "$1"));
        assertThat(eval.path("perplexity").asDouble()).isCloseTo(perplexity, within(1e-3));
        assertThat(Math.exp(eval.path("eval_loss").asDouble()))
                .isCloseTo(eval.path("perplexity").asDouble(), within(1e-9));
        assertThat(eval.path("rows").asInt()).isEqualTo(3);
        assertThat(eval.path("tokens").asInt()).isEqualTo(15 + 19 + 19 + 3);
        assertThat(eval.path("exact_match").isNull()).isTrue();
    }

    @Test
    void answersAsTheModelGivesThemAreExact() throws IOException {
        String answer = Ran.graft("generate", model, "--prompt", "hello", "--max-new-tokens", 6, "--json")
                .json()
                .path("completion")
                .toString();
        Path data = write("rows.jsonl", """
                {"prompt": "hello", "completion": %s}
                {"prompt": "hello", "completion": " something else"}
                """.formatted(answer));
        JsonNode eval = Ran.graft("eval", model, "--data", data, "--json", "--max-new-tokens", 6, "--samples", 1)
                .json();
        assertThat(eval.path("exact_match").asDouble()).isEqualTo(0.5);
        assertThat(eval.path("exact_match_rows").asInt()).isEqualTo(2);
        assertThat(eval.path("samples")).hasSize(1);
        assertThat(eval.path("samples").get(0).path("exact").asBoolean()).isTrue();
        assertThat(eval.path("token_accuracy").asDouble()).isBetween(0.0, 1.0);
        assertThat(eval.path("seconds").asDouble()).isPositive();
        Ran table = Ran.graft("eval", model, "--data", data, "--max-new-tokens", 6);
        assertThat(table.out())
                .contains("exact match", "50.00 %  (1 of 2)", "✓ exact", "✗ different", "something else");
    }

    @Test
    void rowsThatDoNotFitAreNamedCutOrLeftOut() throws IOException {
        Path data = write("rows.jsonl", """
                {"prompt": "hello", "completion": " world"}
                {"prompt": "hello", "completion": "%s"}
                """.formatted(" world".repeat(90)));
        Ran refused = Ran.graft("eval", model, "--data", data);
        assertThat(refused.exitCode()).isEqualTo(1);
        assertThat(refused.err()).contains(data.toString(), "row 2: ");
        JsonNode dropped = Ran.graft("eval", model, "--data", data, "--overlong", "drop", "--json")
                .json();
        assertThat(dropped.path("rows").asInt()).isEqualTo(1);
        assertThat(dropped.path("exact_match_rows").asInt()).isEqualTo(1);
        assertThat(dropped.path("dropped_rows").asInt()).isEqualTo(1);
        JsonNode cut = Ran.graft("eval", model, "--data", data, "--overlong", "truncate_end", "--json")
                .json();
        assertThat(cut.path("rows").asInt()).isEqualTo(2);
        assertThat(cut.path("truncated_rows").asInt()).isEqualTo(1);
    }

    @Test
    void brokenDataIsASentence() throws IOException {
        Path data = write("rows.jsonl", "{\"prompt\": \"hello\", \"completion\": \"x\"}\n{\"prompt\":\n");
        Ran ran = Ran.graft("eval", model, "--data", data);
        assertThat(ran.exitCode()).isEqualTo(1);
        assertThat(ran.err()).contains(data.toString(), "row 2: is not valid JSON");
        assertThat(Ran.graft("eval", model, "--data", folder.resolve("no.jsonl"))
                        .err())
                .contains("does not exist");
        assertThat(Ran.graft("eval", model).exitCode()).isEqualTo(2);
        assertThat(Ran.graft("eval", model, "--data", data, "--overlong", "cut").exitCode())
                .isEqualTo(2);
        assertThat(Ran.graft("eval", model, "--data", data, "--max-new-tokens", 0)
                        .exitCode())
                .isEqualTo(2);
    }

    private Path write(String name, String rows) throws IOException {
        return Files.writeString(folder.resolve(name), rows);
    }
}
