package dev.graft.data;

import dev.graft.data.LabelledTokens.NothingToTrain;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.function.BiConsumer;

/// Tokenises rows on all cores and hands them on in their order.
final class ParallelTokenizing {
    private final ExampleTokenizer tokenizer;
    private final Faults broken = new Faults();
    private final Faults nothing = new Faults();
    private int rows;

    ParallelTokenizing(ExampleTokenizer tokenizer) {
        this.tokenizer = tokenizer;
    }

    /// What became of one row: its tokens, or a fault.
    private record Result(Row row, LabelledTokens tokens, IllegalArgumentException fault) {}

    /// @throws IllegalArgumentException naming every row that cannot be used
    void run(Iterator<Row> source, Path file, BiConsumer<Row, LabelledTokens> sink) {
        InOrder.run(source, row -> length(row.example()), this::result, (_, result) -> take(result, sink));
        throwFaults(file);
    }

    private static long length(Example example) {
        return switch (example) {
            case Example.PromptCompletion(String prompt, String completion) ->
                (long) prompt.length() + completion.length();
            case Example.Text(String text, boolean _) -> text.length();
            case Example.Chat chat ->
                chat.messages().stream().mapToLong(m -> m.content().length()).sum();
            case Example _ -> 0;
        };
    }

    private Result result(Row row) {
        try {
            return new Result(row, tokenizer.tokens(row), null);
        } catch (IllegalArgumentException e) {
            return new Result(row, null, e);
        }
    }

    private void take(Result result, BiConsumer<Row, LabelledTokens> sink) {
        rows++;
        switch (result.fault()) {
            case null -> sink.accept(result.row(), result.tokens());
            case NothingToTrain e when tokenizer.options().dropMasked() ->
                sink.accept(result.row(), LabelledTokens.nothing(e.getMessage()));
            case NothingToTrain e -> nothing.add(result.row().number(), e.getMessage());
            case IllegalArgumentException e -> broken.add(result.row().number(), e.getMessage());
        }
    }

    private void throwFaults(Path file) {
        broken.throwIfAny(
                "%s: %,d of %,d rows cannot be tokenised:".formatted(file, broken.count(), rows),
                "Correct these rows, or choose a model whose tokenizer and chat template fit them.");
        nothing.throwIfAny(
                "%s: %,d of %,d rows have nothing to train on:".formatted(file, nothing.count(), rows),
                LabelledTokens.NOTHING_ADVICE);
    }
}
