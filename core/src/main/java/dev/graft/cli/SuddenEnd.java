package dev.graft.cli;

import dev.graft.format.AtomicFiles;
import java.util.concurrent.atomic.AtomicInteger;

/// Ctrl-C in a command that does not see to it itself: what is half-written goes, and a sentence says so.
final class SuddenEnd {
    private static final String ERASE_LINE = "\r\u001B[2K";
    private static final AtomicInteger SEEN_TO = new AtomicInteger();
    private static volatile boolean over;
    private static volatile boolean begun;

    private SuddenEnd() {}

    /// From here on until [#commandIsOver].
    static void watch() {
        Runtime.getRuntime().addShutdownHook(new Thread(SuddenEnd::tidy, "sudden end"));
    }

    static void commandIsOver() {
        over = true;
    }

    /// Somebody else sees to it, such as an [Interruption] that saves a checkpoint first.
    static void leaveToOthers() {
        SEEN_TO.incrementAndGet();
    }

    static void takeBack() {
        SEEN_TO.decrementAndGet();
    }

    /// Whether the process is ending, so that what fails now fails because of that.
    static boolean hasBegun() {
        return begun;
    }

    private static void tidy() {
        if (over || SEEN_TO.get() > 0) {
            return;
        }
        begun = true;
        Console console = Console.stderr();
        System.err.print(console.isTerminal() ? ERASE_LINE : "");
        System.err.println(
                console.style().bold("interrupted: ") + "stopped before it was done; no file is left half-written");
        AtomicFiles.deleteUnfinished();
    }
}
