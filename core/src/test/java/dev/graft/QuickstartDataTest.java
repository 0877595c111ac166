package dev.graft;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// What the README of the quickstart promises of the files beside it.
class QuickstartDataTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Path quickstart = quickstart();
    private final List<JsonNode> training = rows("train.jsonl");
    private final List<JsonNode> heldOut = rows("eval.jsonl");

    @Test
    void noHeldOutRowSharesItemAndCityWithATrainingRow() {
        Set<String> taught =
                training.stream().map(QuickstartDataTest::itemAndCity).collect(Collectors.toSet());

        assertThat(heldOut).hasSize(200).noneMatch(row -> taught.contains(itemAndCity(row)));
    }

    @Test
    void everyWordOfAHeldOutAnswerOccursInTraining() {
        Set<String> taught = training.stream()
                .flatMap(row -> Stream.of(answer(row).split(" ")))
                .collect(Collectors.toSet());

        assertThat(heldOut).allSatisfy(row -> assertThat(answer(row).split(" ")).isSubsetOf(taught));
    }

    @Test
    void everyAnswerIsOneCommandWithTheSameOptions() {
        assertThat(training)
                .hasSize(1200)
                .allSatisfy(row -> assertThat(row.get("completion").asText())
                        .matches("\n(ship|collect|reserve) --item [a-z]+ --colour [a-z]+ --count [a-z]+"
                                + " --city [A-Z][a-z]+ --day [A-Z][a-z]+day"));
    }

    @Test
    void configurationCountsTheTokensOfTheTokenizer() throws IOException {
        JsonNode config = JSON.readTree(quickstart.resolve("base/config.json").toFile());
        JsonNode tokenizer =
                JSON.readTree(quickstart.resolve("base/tokenizer.json").toFile());

        assertThat(tokenizer.at("/model/vocab").size())
                .isEqualTo(config.get("vocab_size").asInt());
    }

    private static String itemAndCity(JsonNode row) {
        return answer(row).replaceFirst(".* --item (\\S+) .* --city (\\S+) .*", "$1 $2");
    }

    private static String answer(JsonNode row) {
        return row.get("completion").asText().strip();
    }

    private List<JsonNode> rows(String file) {
        try {
            return Files.readAllLines(quickstart.resolve(file)).stream()
                    .map(QuickstartDataTest::parsed)
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static JsonNode parsed(String json) {
        try {
            return JSON.readTree(json);
        } catch (IOException e) {
            throw new UncheckedIOException(json, e);
        }
    }

    /// Surefire runs in `core/`, an IDE often in the root of the repository.
    private static Path quickstart() {
        Path here = Path.of("").toAbsolutePath();
        Path root = Files.isDirectory(here.resolve("examples")) ? here : here.getParent();
        return root.resolve("examples/quickstart");
    }
}
