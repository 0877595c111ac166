package dev.graft.data;

import dev.graft.data.LabelledTokens.NothingToTrain;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.BiConsumer;

/// Tokenises rows on all cores and hands them on in their order.
///
/// Rows are read by the calling thread; a few batches of them are under way at a time, so that memory does not
/// grow with the file.
final class ParallelTokenizing {
    private static final int BATCH_ROWS = 64;
    private static final int BATCH_TEXT = 1 << 20; // characters: long rows go in smaller batches
    private static final int THREADS = Runtime.getRuntime().availableProcessors();

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
        try (ExecutorService workers = Executors.newFixedThreadPool(THREADS)) {
            Deque<Future<List<Result>>> underWay = new ArrayDeque<>();
            try {
                while (source.hasNext()) {
                    List<Row> batch = new ArrayList<>();
                    for (long text = 0; batch.size() < BATCH_ROWS && text < BATCH_TEXT && source.hasNext(); ) {
                        Row row = source.next();
                        text += length(row.example());
                        batch.add(row);
                    }
                    underWay.add(workers.submit(
                            () -> batch.stream().map(this::result).toList()));
                    if (underWay.size() > 2 * THREADS) {
                        take(underWay.remove(), sink);
                    }
                }
                while (!underWay.isEmpty()) {
                    take(underWay.remove(), sink);
                }
            } finally {
                workers.shutdownNow();
            }
        }
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

    private void take(Future<List<Result>> batch, BiConsumer<Row, LabelledTokens> sink) {
        for (Result result : results(batch)) {
            rows++;
            switch (result.fault()) {
                case null -> sink.accept(result.row(), result.tokens());
                case NothingToTrain e -> nothing.add(result.row().number(), e.getMessage());
                case IllegalArgumentException e -> broken.add(result.row().number(), e.getMessage());
            }
        }
    }

    private static List<Result> results(Future<List<Result>> batch) {
        try {
            return batch.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while tokenising", e);
        } catch (ExecutionException e) {
            switch (e.getCause()) {
                case RuntimeException fault -> throw fault;
                case Error fault -> throw fault;
                default -> throw new IllegalStateException(e.getCause());
            }
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
