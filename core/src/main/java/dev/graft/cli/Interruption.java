package dev.graft.cli;

import dev.graft.train.Trainer;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/// Ctrl-C while a trainer runs: asks it to stop and lets the process live until its checkpoint is on disk.
final class Interruption implements AutoCloseable {
    private final CountDownLatch done = new CountDownLatch(1);
    private final Thread hook;
    private boolean awaitsMessage;

    Interruption(Trainer trainer) {
        this.hook = new Thread(
                () -> {
                    trainer.requestStop();
                    try {
                        // A step of a large model takes a while; a stuck one must not keep the process for ever.
                        done.await(10, TimeUnit.MINUTES);
                    } catch (InterruptedException e) {
                        Thread.currentThread().interrupt();
                    }
                },
                "interruption");
        Runtime.getRuntime().addShutdownHook(hook);
        SuddenEnd.leaveToOthers();
    }

    /// What to throw when the trainer was stopped: the process also lives until the message is out.
    Faults.Interrupted stopped(String message) {
        awaitsMessage = true;
        return new Faults.Interrupted(message, done::countDown);
    }

    /// The trainer has ended.
    @Override
    public void close() {
        if (!awaitsMessage) {
            done.countDown();
            SuddenEnd.takeBack();
        }
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // the process is ending already, because the hook ran
        }
    }
}
