package dev.graft.tokenizer.jinja;

import java.io.Serial;

/// What Python would raise while a template runs; the interpreter adds the line.
final class PythonError extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1;

    /// The kinds that someone reacts to differently: a subscript that raises `TYPE` or `LOOKUP` gives an
    /// undefined value, a conversion that raises `TYPE` or `VALUE` gives its default.
    enum Kind {
        TYPE,
        VALUE,
        LOOKUP,
        RAISED,
        OTHER
    }

    private final Kind kind;

    private PythonError(Kind kind, String message) {
        super(message, null, false, false);
        this.kind = kind;
    }

    Kind kind() {
        return kind;
    }

    static PythonError type(String message) {
        return new PythonError(Kind.TYPE, message);
    }

    static PythonError value(String message) {
        return new PythonError(Kind.VALUE, message);
    }

    static PythonError lookup(String message) {
        return new PythonError(Kind.LOOKUP, message);
    }

    static PythonError raised(String message) {
        return new PythonError(Kind.RAISED, message);
    }

    static PythonError other(String message) {
        return new PythonError(Kind.OTHER, message);
    }
}
