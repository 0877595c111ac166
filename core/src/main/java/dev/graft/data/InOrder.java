package dev.graft.data;

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
import java.util.function.Function;
import java.util.function.ToLongFunction;

/// Work on things one after another that all cores share, its results in the order of the things.
///
/// The calling thread takes the things from their iterator and receives the results; a few batches are
/// under way at a time, so that memory does not grow with the number of things.
public final class InOrder {
    private static final int BATCH = 64;
    private static final long BATCH_SIZE = 1 << 20; // large things go in smaller batches
    private static final int THREADS = Runtime.getRuntime().availableProcessors();

    private InOrder() {}

    private record Done<T, R>(T thing, R result) {}

    /// @param size  of a thing, in characters
    /// @param work  done by several threads at once
    /// @param sink  called by this thread, in the order of the things
    public static <T, R> void run(
            Iterator<T> things, ToLongFunction<T> size, Function<T, R> work, BiConsumer<T, R> sink) {
        try (ExecutorService workers = Executors.newFixedThreadPool(THREADS)) {
            Deque<Future<List<Done<T, R>>>> underWay = new ArrayDeque<>();
            try {
                while (things.hasNext()) {
                    List<T> batch = new ArrayList<>();
                    for (long all = 0; batch.size() < BATCH && all < BATCH_SIZE && things.hasNext(); ) {
                        T thing = things.next();
                        all += size.applyAsLong(thing);
                        batch.add(thing);
                    }
                    underWay.add(workers.submit(() -> batch.stream()
                            .map(thing -> new Done<>(thing, work.apply(thing)))
                            .toList()));
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
    }

    private static <T, R> void take(Future<List<Done<T, R>>> batch, BiConsumer<T, R> sink) {
        for (Done<T, R> done : results(batch)) {
            sink.accept(done.thing(), done.result());
        }
    }

    private static <T, R> List<Done<T, R>> results(Future<List<Done<T, R>>> batch) {
        try {
            return batch.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while rows were worked on", e);
        } catch (ExecutionException e) {
            switch (e.getCause()) {
                case RuntimeException fault -> throw fault;
                case Error fault -> throw fault;
                default -> throw new IllegalStateException(e.getCause());
            }
        }
    }
}
