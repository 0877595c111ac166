package dev.graft.kernel;

import dev.graft.tensor.Torch;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/// The threads that help with kernels. One that has just worked looks out for more for a moment before it
/// sleeps: between the products of one layer there are some ten microseconds, about what waking a sleeping
/// thread takes.
final class Crew {
    private static final long LOOK_OUT_NANOS = 60_000;
    private static final int LOOKS_BETWEEN_CLOCKS = 64;

    /// The one that worked last comes first.
    private static final ConcurrentLinkedDeque<Helper> IDLE = new ConcurrentLinkedDeque<>();

    private static final AtomicInteger HELPERS = new AtomicInteger();

    private Crew() {}

    /// Has `work` done by another thread, if one is idle or there are not yet twice as many as libtorch
    /// uses; whoever asks must be able to do it alone.
    static void help(Runnable work) {
        Helper helper = IDLE.pollFirst();
        if (helper == null) {
            if (HELPERS.get() >= 2 * Torch.threads()) {
                return;
            }
            HELPERS.incrementAndGet();
            helper = new Helper();
            helper.task = work;
            Thread thread = Thread.ofPlatform().daemon().name("graft-kernel").unstarted(helper);
            helper.thread = thread;
            thread.start();
        } else {
            helper.give(work);
        }
    }

    /// Whether `done` came true within the moment that a thread looks out before it sleeps.
    static boolean seen(Condition done) {
        long end = System.nanoTime() + LOOK_OUT_NANOS;
        do {
            for (int i = 0; i < LOOKS_BETWEEN_CLOCKS; i++) {
                if (done.holds()) {
                    return true;
                }
                Thread.onSpinWait();
            }
        } while (System.nanoTime() < end);
        return done.holds();
    }

    /// Something that another thread makes true.
    @FunctionalInterface
    interface Condition {
        boolean holds();
    }

    private static final class Helper implements Runnable {
        private volatile Runnable task;
        private volatile boolean asleep;
        private Thread thread;

        void give(Runnable work) {
            task = work;
            if (asleep) {
                LockSupport.unpark(thread);
            }
        }

        @Override
        public void run() {
            while (true) {
                Runnable work = task;
                task = null;
                work.run();
                IDLE.addFirst(this);
                if (!seen(() -> task != null)) {
                    asleep = true;
                    while (task == null) {
                        LockSupport.park(this);
                    }
                    asleep = false;
                }
            }
        }
    }
}
