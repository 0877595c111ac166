package dev.graft.tokenizer.jinja;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// JSON as Python's `json.dumps` writes it.
///
/// @param indent  text of one level, or null for one line
record PythonJson(boolean asciiOnly, String indent, String itemSeparator, String keySeparator, boolean sortKeys) {
    private static final int DEEPEST = 500;

    String write(Object value) {
        StringBuilder out = new StringBuilder();
        write(value, 0, out);
        return out.toString();
    }

    private void write(Object value, int depth, StringBuilder out) {
        if (depth > DEEPEST) {
            throw PythonError.other("a value is nested more than %d deep".formatted(DEEPEST));
        }
        switch (value) {
            case null -> out.append("null");
            case Boolean bool -> out.append(bool);
            case BigInteger number -> out.append(number);
            case Double number -> out.append(real(number));
            case String text -> string(text, out);
            case Markup markup -> string(markup.text(), out);
            case Range _ -> throw notJson(value);
            case List<?> list -> list(list, depth, out);
            case Tuple tuple -> list(tuple.items(), depth, out);
            case Map<?, ?> dict -> dict(dict, depth, out);
            default -> throw notJson(value);
        }
        Interpreter.requireBounded(out.length());
    }

    private static PythonError notJson(Object value) {
        return PythonError.type("Object of type %s is not JSON serializable".formatted(Python.typeName(value)));
    }

    private static String real(double number) {
        if (Double.isNaN(number)) {
            return "NaN";
        }
        return Double.isInfinite(number) ? (number < 0 ? "-Infinity" : "Infinity") : Python.floatRepr(number);
    }

    private void list(List<?> items, int depth, StringBuilder out) {
        if (items.isEmpty()) {
            out.append("[]");
            return;
        }
        out.append('[');
        boolean first = true;
        for (Object item : items) {
            out.append(first ? "" : itemSeparator);
            first = false;
            newLine(depth + 1, out);
            write(item, depth + 1, out);
        }
        newLine(depth, out);
        out.append(']');
    }

    private void dict(Map<?, ?> dict, int depth, StringBuilder out) {
        if (dict.isEmpty()) {
            out.append("{}");
            return;
        }
        List<Map.Entry<?, ?>> entries = new ArrayList<>(dict.entrySet());
        if (sortKeys) {
            entries.sort((a, b) -> Python.compare("<", a.getKey(), b.getKey()));
        }
        out.append('{');
        boolean first = true;
        for (Map.Entry<?, ?> entry : entries) {
            out.append(first ? "" : itemSeparator);
            first = false;
            newLine(depth + 1, out);
            string(key(entry.getKey()), out);
            out.append(keySeparator);
            write(entry.getValue(), depth + 1, out);
        }
        newLine(depth, out);
        out.append('}');
    }

    private static String key(Object key) {
        return switch (key) {
            case null -> "null";
            case String text -> text;
            case Boolean bool -> bool.toString();
            case BigInteger number -> number.toString();
            case Double number -> real(number);
            default ->
                throw PythonError.type("keys must be str, int, float, bool or None, not " + Python.typeName(key));
        };
    }

    private void newLine(int depth, StringBuilder out) {
        if (indent != null) {
            out.append('\n').append(indent.repeat(depth));
        }
    }

    private void string(String text, StringBuilder out) {
        out.append('"');
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            switch (c) {
                case '"' -> out.append("\\\"");
                case '\\' -> out.append("\\\\");
                case '\n' -> out.append("\\n");
                case '\r' -> out.append("\\r");
                case '\t' -> out.append("\\t");
                case '\f' -> out.append("\\f");
                case '\b' -> out.append("\\b");
                default -> {
                    if (c < ' ' || asciiOnly && c > '~') {
                        out.append("\\u%04x".formatted((int) c));
                    } else {
                        out.append(c);
                    }
                }
            }
        }
        out.append('"');
    }

    /// The text with every character beyond ASCII as an escape, as Python's `ascii` does with a `repr`.
    static String ascii(String repr) {
        StringBuilder out = new StringBuilder();
        repr.codePoints()
                .forEach(point -> out.append(
                        point < 128
                                ? Character.toString(point)
                                : point <= 0xff
                                        ? "\\x%02x".formatted(point)
                                        : point <= 0xffff ? "\\u%04x".formatted(point) : "\\U%08x".formatted(point)));
        return out.toString();
    }
}
