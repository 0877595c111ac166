package dev.graft.cli;

/// Puts text into colours, or leaves it as it is.
enum Style {
    PLAIN(false),
    COLOURED(true);

    private final boolean coloured;

    Style(boolean coloured) {
        this.coloured = coloured;
    }

    String bold(String text) {
        return with("1", text);
    }

    String dim(String text) {
        return with("2", text);
    }

    String red(String text) {
        return with("31", text);
    }

    String green(String text) {
        return with("32", text);
    }

    String yellow(String text) {
        return with("33", text);
    }

    /// What carries loss: green, and underlined for those who do not see that.
    String learnt(String text) {
        return with("4;32", text);
    }

    /// @param code parameters of ANSI's "select graphic rendition"
    private String with(String code, String text) {
        return coloured && !text.isEmpty() ? "\u001B[" + code + "m" + text + "\u001B[0m" : text;
    }
}
