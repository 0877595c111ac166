package dev.graft.format;

import java.io.Serial;
import java.nio.file.Path;

/// A file that is missing, damaged, hostile or of a kind Graft does not read. The message is a sentence for
/// the person at the keyboard: where, what was found, what was expected, what to do.
public final class FormatException extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1;

    private static final int QUOTED_CHARACTERS = 120;

    /// @param file     the file or directory at fault
    /// @param found    what is there, as a clause
    /// @param expected what should be there, to follow the word "expected"
    /// @param advice   what to do now, as a sentence
    public FormatException(Path file, String found, String expected, String advice) {
        super("%s: %s; expected %s. %s".formatted(file, found, expected, advice));
    }

    FormatException(Path file, String found, String expected, String advice, Throwable cause) {
        this(file, found, expected, advice);
        initCause(cause);
    }

    /// `text` in quotes, fit for one line of a terminal: shortened, and with control characters spelled out,
    /// because names come from files that nobody has checked.
    static String quote(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        text.codePoints().limit(QUOTED_CHARACTERS).forEach(point -> {
            if (isPrintable(point)) {
                quoted.appendCodePoint(point);
            } else {
                quoted.append("\\u{%x}".formatted(point));
            }
        });
        boolean shortened = text.codePoints().skip(QUOTED_CHARACTERS).findAny().isPresent();
        return quoted.append(shortened ? "…\"" : "\"").toString();
    }

    private static boolean isPrintable(int point) {
        return switch (Character.getType(point)) {
            case Character.CONTROL,
                    Character.FORMAT,
                    Character.SURROGATE,
                    Character.LINE_SEPARATOR,
                    Character.PARAGRAPH_SEPARATOR,
                    Character.UNASSIGNED -> false;
            default -> true;
        };
    }
}
