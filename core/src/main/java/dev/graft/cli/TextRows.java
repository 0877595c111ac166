package dev.graft.cli;

import dev.graft.data.Batches;
import dev.graft.data.ExampleTokenizer;
import dev.graft.data.PackedBatch;
import dev.graft.data.Row;
import dev.graft.data.Rows;
import dev.graft.data.TokenizationOptions;
import dev.graft.data.TokenizationOptions.Overlong;
import dev.graft.data.Tokenized;
import dev.graft.model.LanguageModel;
import dev.graft.tokenizer.Tokenizer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/// Rows of a file that models are run over, once read.
record TextRows(Path file, List<Row> rows) {
    private static final int BATCH_TOKENS = 2048;

    /// Rows as the tokens of one model.
    ///
    /// @param what    says where they come from
    /// @param batches labelled where a model is measured
    record Tokens(String what, List<PackedBatch> batches) {}

    /// @throws IllegalArgumentException naming every row that cannot be used
    static TextRows read(Path file) {
        return new TextRows(file, Rows.read(file));
    }

    /// Rows that are longer than the model takes are split, so that every token counts.
    ///
    /// @param shape of the model
    Tokens tokens(Path model, LanguageModel shape) {
        try (Tokenizer tokenizer = Tokenizer.load(model)) {
            var options = TokenizationOptions.upTo(shape.maxPositions()).withOverlong(Overlong.SPLIT);
            List<Tokenized> examples =
                    new ExampleTokenizer(tokenizer, options).apply(rows).examples();
            examples.forEach(example -> requireKnownIds(example, model, shape.vocabularySize()));
            int longest = examples.stream().mapToInt(Tokenized::tokens).max().orElse(0);
            List<PackedBatch> batches = new Batches(examples, Math.max(BATCH_TOKENS, longest), 0).inOrder();
            long labelled =
                    batches.stream().mapToLong(PackedBatch::labelledCount).sum();
            return new Tokens(
                    "%s (%s, %s)".formatted(file, Facts.count(rows.size(), "row"), Facts.count(labelled, "token")),
                    batches);
        }
    }

    private void requireKnownIds(Tokenized example, Path model, int vocabulary) {
        int highest = Arrays.stream(example.ids()).max().orElse(0);
        if (highest >= vocabulary) {
            throw new IllegalArgumentException(
                    "%s row %d: the token id %d is not in the vocabulary of %s, which ends at %d; the tokenizer beside the model is another model's"
                            .formatted(file, example.row(), highest, model, vocabulary - 1));
        }
    }
}
