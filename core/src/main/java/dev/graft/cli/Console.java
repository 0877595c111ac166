package dev.graft.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.lang.reflect.Constructor;
import java.lang.reflect.InaccessibleObjectException;
import java.nio.charset.Charset;
import java.util.function.LongSupplier;

/// Where a command speaks: on a terminal with colours and one line of progress that is rewritten in place,
/// elsewhere in plain lines.
///
/// The launcher knows what standard output and error are, and says so in the system properties
/// `graft.terminal.stdout`, `graft.terminal.stderr` (`true` or `false`) and `graft.terminal.columns`.
/// Without them a stream counts as a terminal when the JVM's input and output both are one. All methods may
/// be called from any thread.
final class Console {
    private static final String ERASE_LINE = "\r\u001B[2K";
    private static final long NANOS_BETWEEN_FRAMES = 100_000_000;

    private final PrintStream out;
    private final boolean isTerminal;
    private final Style style;
    private final int width;
    private final LongSupplier nanos;

    /// The progress that stands on the terminal's last line now; empty when there is none.
    private String shown = "";

    private long shownAt = Long.MIN_VALUE;

    Console(PrintStream out, boolean isTerminal, Style style, int width, LongSupplier nanos) {
        this.out = out;
        this.isTerminal = isTerminal;
        this.style = style;
        this.width = width;
        this.nanos = nanos;
    }

    static Console stdout() {
        return of(System.out, "graft.terminal.stdout");
    }

    static Console stderr() {
        return of(System.err, "graft.terminal.stderr");
    }

    /// Lets `System.err` write past the filter that the launcher puts on the JVM's standard error.
    ///
    /// The launcher names the file descriptor that goes past it in `graft.stderr.fd`. Java opens none by its
    /// number, so its private constructor is asked (the launcher adds `--add-opens java.base/java.io`).
    /// Without that, errors go through the filter: late by a moment, but they arrive.
    static void passTheFilter() {
        Integer number = Integer.getInteger("graft.stderr.fd");
        if (number != null) {
            try {
                Constructor<FileDescriptor> open = FileDescriptor.class.getDeclaredConstructor(int.class);
                open.setAccessible(true);
                var stream = new FileOutputStream(open.newInstance(number));
                System.setErr(new PrintStream(stream, true, System.err.charset()));
            } catch (ReflectiveOperationException | InaccessibleObjectException closed) {
                System.err.println(closed.getMessage());
            }
        }
    }

    private static Console of(PrintStream stream, String property) {
        String told = System.getProperty(property);
        boolean isTerminal =
                told == null ? System.console() != null && System.console().isTerminal() : Boolean.parseBoolean(told);
        boolean colour = wantsColour(isTerminal, System.getenv("NO_COLOR"), System.getenv("TERM"));
        Style style = colour ? Style.COLOURED : Style.PLAIN;
        boolean canRewrite = isTerminal && !"dumb".equals(System.getenv("TERM"));
        return new Console(stream, canRewrite, style, columns(), System::nanoTime);
    }

    /// <https://no-color.org>: any non-empty `NO_COLOR` means none.
    static boolean wantsColour(boolean isTerminal, String noColor, String term) {
        return isTerminal && (noColor == null || noColor.isEmpty()) && !"dumb".equals(term);
    }

    private static int columns() {
        int told = Integer.getInteger("graft.terminal.columns", 0);
        return told > 0 ? told : 80;
    }

    boolean isTerminal() {
        return isTerminal;
    }

    boolean isColoured() {
        return style == Style.COLOURED;
    }

    /// For text that goes through [#say].
    Style style() {
        return style;
    }

    int width() {
        return width;
    }

    /// Prints a line; progress on a terminal moves below it.
    synchronized void say(String line) {
        erase();
        out.println(line);
        draw();
    }

    /// Shows where the run stands: on a terminal at most ten times a second, elsewhere a line when it is
    /// `logged`.
    ///
    /// @param logged whether this step is one of every `logging_steps`
    synchronized void progress(Progress progress, boolean logged) {
        if (!isTerminal) {
            if (logged) {
                out.println(progress.plain());
                out.flush();
            }
            return;
        }
        long now = nanos.getAsLong();
        boolean last = progress.step() == progress.steps();
        if (shown.isEmpty() || last || now - shownAt >= NANOS_BETWEEN_FRAMES) {
            shownAt = now;
            replace(progress.live(width - 1, style, canEncode("━─")));
        }
    }

    /// Shows what is being done where it cannot be counted, such as `evaluating …`; elsewhere prints it as a
    /// line.
    synchronized void busy(String doing) {
        if (isTerminal) {
            replace(style.dim(doing.substring(0, Math.min(doing.length(), width - 1))));
        } else {
            out.println(doing);
            out.flush();
        }
    }

    /// Ends the progress: its last state stays on the terminal as a line.
    synchronized void keep() {
        if (!shown.isEmpty()) {
            out.println();
            shown = "";
        }
        out.flush();
    }

    /// Ends the progress and takes it from the terminal.
    synchronized void clear() {
        erase();
        shown = "";
        out.flush();
    }

    private void replace(String line) {
        erase();
        shown = line;
        draw();
    }

    private void erase() {
        if (!shown.isEmpty()) {
            out.print(ERASE_LINE);
        }
    }

    private void draw() {
        out.print(shown);
        out.flush();
    }

    private boolean canEncode(String text) {
        Charset charset = out.charset();
        return charset.newEncoder().canEncode(text);
    }
}
