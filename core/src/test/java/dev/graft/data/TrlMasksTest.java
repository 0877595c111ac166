package dev.graft.data;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.Goldens;
import dev.graft.data.TokenizationOptions.TrainOn;
import dev.graft.tokenizer.ChatTemplate;
import dev.graft.tokenizer.TinyTokenizer;
import dev.graft.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Tokens and labels equal those of TRL's SFTTrainer; see `scripts/goldens_trl_masks.py`.
class TrlMasksTest {
    private static final JsonNode GOLDEN = Goldens.json("trl/masks.json");

    @TempDir
    Path folder;

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

    /// `assistant_only_loss`: what stands between `{% generation %}` and `{% endgeneration %}`.
    @Test
    void whatTheAssistantSays() throws IOException {
        JsonNode rows = GOLDEN.path("chats");
        assertThat(rows.size()).isEqualTo(5);
        for (int i = 0; i < rows.size(); i++) {
            Tokenized ours = tokenized(rows.get(i), "marked");
            requireSame(ours, GOLDEN.path("assistant_only").get(i), rows.get(i).toString());
        }
    }

    /// Transformers marks nothing of an answer whose first character is a space that the tokenizer
    /// leaves out of its offsets; a model would not learn it. Here it is learnt whole.
    @Test
    void answersThatBeginWithASpaceAreLearntToo() throws IOException {
        assertThat(Goldens.ints(GOLDEN.path("spaced_marks"))).containsOnly(0);
        Tokenized ours = tokenized(GOLDEN.path("spaced"), "marked");
        assertThat(decoded(ours, ours.labels())).isEqualTo(" world<|im_end|>");
    }

    /// `completion_only_loss` on conversations without marks: TRL also learns the line break behind the
    /// end of a turn, which is never generated, and what the user says in a completion of several turns.
    @Test
    void completionsOfConversations() throws IOException {
        String[] extra = {"\n", "\n", "\n<|im_start|>user\nb<|im_end|>\n<|im_start|>assistant\n\n"};
        JsonNode rows = GOLDEN.path("splits");
        assertThat(rows.size()).isEqualTo(extra.length);
        for (int i = 0; i < rows.size(); i++) {
            Tokenized ours = tokenized(rows.get(i), "unmarked");
            JsonNode trl = GOLDEN.path("completion_only_chat").get(i);
            assertThat(ours.ids()).isEqualTo(Goldens.ints(trl.path("ids")));
            boolean[] more = new boolean[ours.tokens()];
            for (int token = 0; token < more.length; token++) {
                boolean learnt = trl.path("labels").path(token).asInt() != -100;
                assertThat(learnt || !ours.labels()[token]).isTrue();
                more[token] = learnt && !ours.labels()[token];
            }
            assertThat(decoded(ours, more)).isEqualTo(extra[i]);
        }
    }

    private static String decoded(Tokenized example, boolean[] which) {
        int[] ids = IntStream.range(0, which.length)
                .filter(token -> which[token])
                .map(token -> example.ids()[token])
                .toArray();
        try (Tokenizer tokenizer = TinyTokenizer.load()) {
            return tokenizer.decode(ids, false);
        }
    }

    private Tokenized tokenized(JsonNode row, String template) throws IOException {
        Path file = Files.writeString(folder.resolve("rows.jsonl"), row.toString());
        try (Tokenizer tokenizer =
                TinyTokenizer.load(new ChatTemplate(GOLDEN.path(template).asText(), Map.of()))) {
            return new ExampleTokenizer(tokenizer, TokenizationOptions.upTo(1000))
                    .apply(Rows.read(file))
                    .examples()
                    .getFirst();
        }
    }

    private static void requireSame(Example example, TrainOn trainOn, JsonNode golden) {
        try (Tokenizer tokenizer = TinyTokenizer.load()) {
            Tokenized ours = new ExampleTokenizer(
                            tokenizer, TokenizationOptions.upTo(1000).withTrainOn(trainOn))
                    .apply(List.of(new Row(Path.of("rows"), 1, example)))
                    .examples()
                    .getFirst();
            requireSame(ours, golden, example.toString());
        }
    }

    private static void requireSame(Tokenized ours, JsonNode golden, String row) {
        assertThat(ours.ids()).as("ids of %s", row).isEqualTo(Goldens.ints(golden.path("ids")));
        int[] labels = Goldens.ints(golden.path("labels"));
        // the loss shifts by one, so that a label of the first token is never used; here it is never set
        for (int token = 1; token < labels.length; token++) {
            assertThat(ours.labels()[token]).as("token %d of %s", token, row).isEqualTo(labels[token] != -100);
        }
    }
}
