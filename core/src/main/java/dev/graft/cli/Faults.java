package dev.graft.cli;

import dev.graft.format.FormatException;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.util.List;
import java.util.concurrent.CancellationException;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;

/// How a command that fails says so, and with which exit code.
///
/// The code throws [IllegalArgumentException] for a bad value, [IllegalStateException] for a bad moment and
/// [UncheckedIOException] for files: their message is a sentence for the user. Anything else is a fault
/// of Graft.
final class Faults {
    static final int FAILED = 1;
    static final int BAD_USAGE = 2;
    static final int INTERRUPTED = 130;

    /// Thrown by a command that stopped because the user asked it to; the message says what was saved.
    static final class Interrupted extends RuntimeException {
        private static final long serialVersionUID = 1;

        private final transient Runnable onceSaid;

        /// @param onceSaid runs when the message is out; the process may end then
        Interrupted(String message, Runnable onceSaid) {
            super(message);
            this.onceSaid = onceSaid;
        }
    }

    private Faults() {}

    /// Says what failed and returns the exit code.
    static int report(Throwable thrown, PrintWriter err, boolean stacktrace) {
        if (SuddenEnd.hasBegun()) {
            return INTERRUPTED; // it failed because its files are gone
        }
        Style style = Console.stderr().style();
        if (thrown instanceof Interrupted interrupted) {
            err.println(style.bold("interrupted: ") + thrown.getMessage());
            err.flush();
            interrupted.onceSaid.run();
            return INTERRUPTED;
        }
        String sentence = sentence(thrown);
        String said = sentence != null
                ? sentence
                : summary(thrown) + ". This is a bug in Graft; please report it with what follows.";
        err.println(style.red("error: ") + said);
        if (sentence == null || stacktrace) {
            thrown.printStackTrace(err);
        }
        err.flush();
        return FAILED;
    }

    /// Says what is wrong with a command line and returns the exit code.
    static int badUsage(ParameterException wrong, String[] arguments) {
        CommandLine command = wrong.getCommandLine();
        PrintWriter err = command.getErr();
        err.println(Console.stderr().style().red("error: ") + UsageFaults.sentence(wrong, command));
        err.println("Try \"%s --help\".".formatted(command.getCommandSpec().qualifiedName()));
        err.flush();
        return BAD_USAGE;
    }

    /// What to tell the user, or null when they can do nothing about it.
    private static String sentence(Throwable thrown) {
        return switch (thrown) {
            case UncheckedIOException files -> withReason(files.getMessage(), files.getCause());
            case IOException files -> withReason(files.getMessage(), files);
            case OutOfMemoryError _ ->
                "the Java heap is full (%s); give it more with GRAFT_JAVA_OPTS=-Xmx8g".formatted(thrown.getMessage());
            // the two below are thrown by the JDK for faults of the code that called it
            case NumberFormatException _ -> null;
            case CancellationException _ -> null;
            case IllegalArgumentException _, IllegalStateException _, FormatException _ -> thrown.getMessage();
            default -> null;
        };
    }

    /// The JDK puts only a path into the message of most file errors; the class says what happened.
    private static String withReason(String message, IOException cause) {
        String reason = switch (cause) {
            case NoSuchFileException _ -> "no such file or folder";
            case AccessDeniedException _ -> "permission denied";
            case FileAlreadyExistsException _ -> "it already exists";
            case DirectoryNotEmptyException _ -> "the folder is not empty";
            case NotDirectoryException _ -> "it is not a folder";
            case FileSystemException other -> other.getReason();
            default -> cause.getMessage();
        };
        String path = cause instanceof FileSystemException file ? file.getFile() : null;
        String subject = message;
        // a message that only repeats its cause says nothing of its own
        if (List.of(String.valueOf(cause.getMessage()), cause.toString()).contains(message)) {
            subject = path;
        } else if (path != null && !message.contains(path)) {
            subject = message + ": " + path;
        }
        if (subject == null) {
            return reason;
        }
        return reason == null || subject.contains(reason) ? subject : subject + ": " + reason;
    }

    private static String summary(Throwable thrown) {
        String name = thrown.getClass().getSimpleName();
        return thrown.getMessage() == null ? name : name + ": " + thrown.getMessage();
    }
}
