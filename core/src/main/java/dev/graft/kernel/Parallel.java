package dev.graft.kernel;

import dev.graft.tensor.Torch;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;

/// Splits the rows of a kernel over as many threads as libtorch uses; the caller is one of them.
///
/// Rows go out in blocks to whoever is free, so uneven rows and a busy machine even out. A row is always
/// worked on whole by one thread: results do not depend on the number of threads.
final class Parallel {
    private static final long WORTH_SHARING = 32 * 1024;
    private static final long SMALLEST_BLOCK = 8 * 1024;
    private static final int BLOCKS_PER_THREAD = 4;
    private static final int ELEMENTS_PER_ROW = 1024;
    private static final long LONGEST_RANGE = 1 << 30;

    private Parallel() {}

    /// Works on the rows `from` up to and without `to`.
    @FunctionalInterface
    interface Rows {
        void work(long from, long to);
    }

    /// Runs `task` over `0 … rows-1` and returns when all are done.
    ///
    /// @param elements in one row, to judge whether sharing is worth it
    static void rows(long rows, long elements, Rows task) {
        rowsOfThreads(rows, elements, () -> task);
    }

    /// The same, where each thread has a task of its own, with memory that no other uses.
    static void rowsOfThreads(long rows, long elements, Supplier<Rows> task) {
        long work = rows * elements;
        int threads = work < WORTH_SHARING ? 1 : Torch.threads();
        long blocks = Math.min(rows, Math.min((long) threads * BLOCKS_PER_THREAD, work / SMALLEST_BLOCK));
        if (threads == 1 || blocks <= 1) {
            task.get().work(0, rows);
        } else {
            new Job(rows, blocks, task).run(threads);
        }
    }

    /// Runs `task` over ranges of the elements `0 … elements-1`; ranges start at multiples of 1024 and have
    /// an `int` length.
    static void elements(long elements, Rows task) {
        long rows = (elements + ELEMENTS_PER_ROW - 1) / ELEMENTS_PER_ROW;
        rows(rows, ELEMENTS_PER_ROW, (from, to) -> {
            long end = Math.min(to * ELEMENTS_PER_ROW, elements);
            for (long start = from * ELEMENTS_PER_ROW; start < end; start += LONGEST_RANGE) {
                task.work(start, Math.min(start + LONGEST_RANGE, end));
            }
        });
    }

    /// One call's blocks. A helper that comes too late finds none left and touches nothing, so the caller
    /// waits for blocks, not for helpers.
    private static final class Job {
        private final long rows;
        private final long blocks;
        private final Supplier<Rows> task;
        private final Thread caller = Thread.currentThread();
        private final AtomicLong next = new AtomicLong();
        private final AtomicLong unfinished;
        private final AtomicReference<Throwable> failure = new AtomicReference<>();

        Job(long rows, long blocks, Supplier<Rows> task) {
            this.rows = rows;
            this.blocks = blocks;
            this.task = task;
            this.unfinished = new AtomicLong(blocks);
        }

        void run(int threads) {
            for (int i = 1; i < threads; i++) {
                Crew.help(this::takeBlocks);
            }
            takeBlocks();
            Crew.seen(() -> unfinished.get() == 0);
            boolean interrupted = false;
            while (unfinished.get() > 0) {
                LockSupport.park(this);
                interrupted |= Thread.interrupted(); // memory is in use until the helpers are done: no leaving early
            }
            if (interrupted) {
                caller.interrupt();
            }
            switch (failure.get()) {
                case null -> {}
                case RuntimeException e -> throw e;
                case Error e -> throw e;
                case Throwable e -> throw new IllegalStateException(e);
            }
        }

        private void takeBlocks() {
            Rows own = null;
            for (long block = next.getAndIncrement(); block < blocks; block = next.getAndIncrement()) {
                try {
                    if (own == null) {
                        own = task.get();
                    }
                    own.work(rows * block / blocks, rows * (block + 1) / blocks);
                } catch (RuntimeException | Error e) {
                    failure.compareAndSet(null, e);
                } finally {
                    if (unfinished.decrementAndGet() == 0) {
                        LockSupport.unpark(caller);
                    }
                }
            }
        }
    }
}
