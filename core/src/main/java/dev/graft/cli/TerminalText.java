package dev.graft.cli;

/// Text from models and files on its way to a terminal, which would obey what it finds in it.
final class TerminalText {
    private static final int CONTROL_PICTURES = 0x2400;

    private TerminalText() {}

    /// `text` with control characters as their pictures (`␛`), line breaks and tabs aside.
    static String safe(String text) {
        StringBuilder safe = new StringBuilder(text.length());
        text.codePoints().forEach(point -> {
            if (point == '\n' || point == '\t' || !Character.isISOControl(point)) {
                safe.appendCodePoint(point);
            } else {
                safe.appendCodePoint(point < ' ' ? CONTROL_PICTURES + point : 0xFFFD);
            }
        });
        return safe.toString();
    }
}
