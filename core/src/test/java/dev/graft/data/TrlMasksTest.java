package dev.graft.data;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.Goldens;
import dev.graft.data.TokenizationOptions.TrainOn;
import dev.graft.tokenizer.TinyTokenizer;
import dev.graft.tokenizer.Tokenizer;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Tokens and labels equal those of TRL's SFTTrainer; see `scripts/goldens_trl_masks.py`.
class TrlMasksTest {
    private static final JsonNode GOLDEN = Goldens.json("trl/masks.json");

    @ParameterizedTest
    @CsvSource({"completion_only, COMPLETION", "all, ALL"})
    void promptsAndCompletions(String golden, TrainOn trainOn) {
        JsonNode rows = GOLDEN.path("pairs");
        assertThat(rows.size()).isEqualTo(19);
        for (int i = 0; i < rows.size(); i++) {
            JsonNode row = rows.get(i);
            requireSame(
                    new Example.PromptCompletion(
                            row.path("prompt").asText(), row.path("completion").asText()),
                    trainOn,
                    GOLDEN.path(golden).get(i));
        }
    }

    @Test
    void texts() {
        JsonNode rows = GOLDEN.path("texts");
        for (int i = 0; i < rows.size(); i++) {
            requireSame(
                    new Example.Text(rows.get(i).path("text").asText()),
                    TrainOn.COMPLETION,
                    GOLDEN.path("text").get(i));
        }
    }

    private static void requireSame(Example example, TrainOn trainOn, JsonNode golden) {
        try (Tokenizer tokenizer = TinyTokenizer.load()) {
            Tokenized ours = new ExampleTokenizer(
                            tokenizer, TokenizationOptions.upTo(1000).withTrainOn(trainOn))
                    .apply(List.of(new Row(Path.of("rows"), 1, example)))
                    .examples()
                    .getFirst();
            assertThat(ours.ids()).as("ids of %s", example).isEqualTo(Goldens.ints(golden.path("ids")));
            int[] labels = Goldens.ints(golden.path("labels"));
            // the loss shifts by one, so that a label of the first token is never used; here it is never set
            for (int token = 1; token < labels.length; token++) {
                assertThat(ours.labels()[token])
                        .as("token %d of %s", token, example)
                        .isEqualTo(labels[token] != -100);
            }
        }
    }
}
