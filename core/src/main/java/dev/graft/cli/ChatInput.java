package dev.graft.cli;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.jline.reader.EndOfFileException;
import org.jline.reader.LineReader;
import org.jline.reader.LineReaderBuilder;
import org.jline.reader.UserInterruptException;
import org.jline.terminal.Terminal;
import org.jline.terminal.TerminalBuilder;
import org.jline.utils.AttributedStringBuilder;
import org.jline.utils.AttributedStyle;

/// Where the lines of a conversation come from.
sealed interface ChatInput extends AutoCloseable {
    /// The next line; empty when the user leaves or the input ends.
    Optional<String> readLine();

    /// Whether somebody sits there.
    boolean isInteractive();

    /// From here on [#isStopRequested] says whether the user has interrupted.
    void listenForStop();

    boolean isStopRequested();

    @Override
    void close();

    /// The terminal where there is one at both ends, else standard input.
    static ChatInput open() {
        boolean terminal = Console.stdout().isTerminal()
                && System.console() != null
                && System.console().isTerminal();
        return terminal ? Keyboard.open() : Pipe.open();
    }

    /// A terminal with line editing and history.
    final class Keyboard implements ChatInput {
        private final Terminal terminal;
        private final LineReader reader;
        private final String prompt;
        private volatile boolean stopRequested;

        private Keyboard(Terminal terminal) {
            this.terminal = terminal;
            this.reader = LineReaderBuilder.builder()
                    .terminal(terminal)
                    .option(LineReader.Option.DISABLE_EVENT_EXPANSION, true) // "!" is an exclamation here
                    .option(LineReader.Option.BRACKETED_PASTE, true)
                    .build();
            var bold = AttributedStyle.BOLD.foreground(AttributedStyle.GREEN);
            this.prompt = Console.stdout().isColoured()
                    ? new AttributedStringBuilder().styled(bold, "› ").toAnsi(terminal)
                    : "> ";
        }

        static Keyboard open() {
            try {
                return new Keyboard(TerminalBuilder.builder().system(true).build());
            } catch (IOException e) {
                throw new UncheckedIOException("cannot open the terminal", e);
            }
        }

        @Override
        public Optional<String> readLine() {
            while (true) {
                try {
                    return Optional.of(reader.readLine(prompt));
                } catch (UserInterruptException cleared) {
                    if (cleared.getPartialLine().isEmpty()) {
                        terminal.writer().println("Ctrl-D or /exit leaves.");
                        terminal.flush();
                    }
                } catch (EndOfFileException left) {
                    return Optional.empty();
                }
            }
        }

        @Override
        public boolean isInteractive() {
            return true;
        }

        @Override
        public void listenForStop() {
            stopRequested = false;
            terminal.handle(Terminal.Signal.INT, signal -> stopRequested = true);
        }

        @Override
        public boolean isStopRequested() {
            return stopRequested;
        }

        @Override
        public void close() {
            try {
                terminal.close();
            } catch (IOException e) {
                throw new UncheckedIOException("cannot close the terminal", e);
            }
        }
    }

    /// Standard input, a message a line; interrupting it ends the process, as everywhere.
    final class Pipe implements ChatInput {
        private final BufferedReader lines;

        private Pipe(BufferedReader lines) {
            this.lines = lines;
        }

        static Pipe open() {
            var strict = StandardCharsets.UTF_8.newDecoder(); // an unreadable byte is an error, not a question mark
            return new Pipe(new BufferedReader(new InputStreamReader(System.in, strict)));
        }

        @Override
        public Optional<String> readLine() {
            try {
                return Optional.ofNullable(lines.readLine());
            } catch (CharacterCodingException e) {
                throw new IllegalArgumentException("standard input is not UTF-8 text", e);
            } catch (IOException e) {
                throw new UncheckedIOException("cannot read standard input", e);
            }
        }

        @Override
        public boolean isInteractive() {
            return false;
        }

        @Override
        public void listenForStop() {}

        @Override
        public boolean isStopRequested() {
            return false;
        }

        /// Standard input is not ours to close.
        @Override
        public void close() {}
    }
}
