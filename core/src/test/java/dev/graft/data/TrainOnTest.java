package dev.graft.data;

import static org.assertj.core.api.Assertions.assertThat;

import dev.graft.data.TokenizationOptions.TrainOn;
import dev.graft.tokenizer.TinyTokenizer;
import dev.graft.tokenizer.Tokenizer;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class TrainOnTest {
    @Test
    void allMeansEveryTokenButTheFirst() {
        try (Tokenizer tokenizer = TinyTokenizer.load()) {
            Row row = new Row(Path.of("rows.jsonl"), 1, new Example.PromptCompletion("one two ", "three"));
            TokenizationOptions options = TokenizationOptions.upTo(100);
            Tokenized some = new ExampleTokenizer(tokenizer, options)
                    .apply(List.of(row))
                    .examples()
                    .getFirst();
            Tokenized all = new ExampleTokenizer(tokenizer, options.withTrainOn(TrainOn.ALL))
                    .apply(List.of(row))
                    .examples()
                    .getFirst();
            assertThat(all.ids()).isEqualTo(some.ids());
            assertThat(all.labelledCount()).isEqualTo(all.tokens() - 1).isGreaterThan(some.labelledCount());
        }
    }
}
