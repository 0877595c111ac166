package dev.graft.tokenizer.jinja;

/// A piece of a template's source.
///
/// @param text  what it says: template text as it is printed, a string literal without quotes and escapes,
///              a number without underscores
/// @param line  where it begins, counted from 1
record Token(Kind kind, String text, int line) {

    enum Kind {
        DATA,
        BLOCK_BEGIN,
        BLOCK_END,
        VARIABLE_BEGIN,
        VARIABLE_END,
        NAME,
        STRING,
        INTEGER,
        FLOAT,
        OPERATOR,
        END
    }

    boolean is(String operator) {
        return kind == Kind.OPERATOR && text.equals(operator);
    }

    boolean isName(String name) {
        return kind == Kind.NAME && text.equals(name);
    }

    /// As an error message shows it.
    String shown() {
        return switch (kind) {
            case DATA -> "text";
            case BLOCK_BEGIN -> "{%";
            case BLOCK_END -> "%}";
            case VARIABLE_BEGIN -> "{{";
            case VARIABLE_END -> "}}";
            case END -> "the end of the template";
            case STRING -> "\"" + text + "\"";
            default -> "'" + text + "'";
        };
    }
}
