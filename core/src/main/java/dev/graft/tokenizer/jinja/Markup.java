package dev.graft.tokenizer.jinja;

/// Text that `safe` or `escape` made: the same as the text, but what is added to it with `+` is escaped.
record Markup(String text) {

    /// The value without the mark.
    static Object plain(Object value) {
        return value instanceof Markup markup ? markup.text : value;
    }

    static String escape(String text) {
        return text.replace("&", "&amp;")
                .replace(">", "&gt;")
                .replace("<", "&lt;")
                .replace("'", "&#39;")
                .replace("\"", "&#34;");
    }
}
