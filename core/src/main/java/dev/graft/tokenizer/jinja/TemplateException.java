package dev.graft.tokenizer.jinja;

import java.io.Serial;

/// A template that cannot be read, or cannot be rendered with the values it was given.
public final class TemplateException extends IllegalArgumentException {
    @Serial
    private static final long serialVersionUID = 1;

    private final int line;
    private final boolean raised;
    private final String reason;

    private TemplateException(int line, String reason, boolean raised, Throwable cause) {
        super("line %d: %s".formatted(line, reason), cause);
        this.line = line;
        this.reason = reason;
        this.raised = raised;
    }

    static TemplateException at(int line, String reason) {
        return new TemplateException(line, reason, false, null);
    }

    static TemplateException at(int line, PythonError error) {
        return new TemplateException(line, error.getMessage(), error.kind() == PythonError.Kind.RAISED, error);
    }

    /// The line of the template, counted from 1.
    public int line() {
        return line;
    }

    /// What is wrong, without the line.
    public String reason() {
        return reason;
    }

    /// Whether the template itself objected, by `raise_exception`; then [#reason] is in its own words.
    public boolean isRaisedByTemplate() {
        return raised;
    }
}
