package dev.graft.tokenizer.jinja;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// `str.format`: `{}`, `{0}`, `{name.part[key]!r:>10}`.
final class StrFormat {
    private final Arguments arguments;
    private int automatic;
    private boolean numbered;

    private StrFormat(Arguments arguments) {
        this.arguments = arguments;
    }

    static String format(String text, Arguments arguments) {
        return new StrFormat(arguments).filled(text, 2);
    }

    static String formatMap(String text, Object values) {
        if (!(values instanceof Map<?, ?> dict)) {
            throw PythonError.type("format_map() argument must be a dict, not " + Python.typeName(values));
        }
        Map<String, Object> named = new LinkedHashMap<>();
        dict.forEach((key, value) -> named.put(Python.str(key), value));
        return new StrFormat(new Arguments("format_map()", List.of(), named)).filled(text, 2);
    }

    private String filled(String text, int depth) {
        if (depth < 0) {
            throw PythonError.value("Max string recursion exceeded");
        }
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            boolean doubled = i + 1 < text.length() && text.charAt(i + 1) == c;
            if (c == '{' && !doubled) {
                int end = closing(text, i);
                out.append(field(text.substring(i + 1, end), depth));
                i = end;
            } else if (c == '}' && !doubled) {
                throw PythonError.value("Single '}' encountered in format string");
            } else {
                out.append(c);
                i += c == '{' || c == '}' ? 1 : 0;
            }
            Interpreter.requireBounded(out.length());
        }
        return out.toString();
    }

    private static int closing(String text, int open) {
        int depth = 0;
        for (int i = open; i < text.length(); i++) {
            depth += text.charAt(i) == '{' ? 1 : text.charAt(i) == '}' ? -1 : 0;
            if (depth == 0) {
                return i;
            }
        }
        throw PythonError.value(
                open == text.length() - 1
                        ? "Single '{' encountered in format string"
                        : "expected '}' before end of string");
    }

    private String field(String field, int depth) {
        int end = 0;
        boolean inIndex = false;
        while (end < field.length() && (inIndex || field.charAt(end) != '!' && field.charAt(end) != ':')) {
            inIndex = field.charAt(end) == '[' || inIndex && field.charAt(end) != ']';
            end++;
        }
        Object value = value(field.substring(0, end));
        String rest = field.substring(end);
        if (rest.startsWith("!")) {
            value = converted(value, rest);
            rest = rest.substring(2);
        }
        String spec = rest.startsWith(":") ? filled(rest.substring(1), depth - 1) : "";
        return FormatSpec.format(value, spec);
    }

    private static String converted(Object value, String conversion) {
        char kind = conversion.length() > 1 ? conversion.charAt(1) : ' ';
        boolean ended = conversion.length() == 2 || conversion.length() > 2 && conversion.charAt(2) == ':';
        if (!ended || "rsa".indexOf(kind) < 0) {
            throw PythonError.value("Unknown conversion specifier '%s'".formatted(conversion));
        }
        return kind == 's'
                ? Python.str(value)
                : kind == 'r' ? Python.repr(value) : PythonJson.ascii(Python.repr(value));
    }

    private Object value(String name) {
        int end = 0;
        while (end < name.length() && name.charAt(end) != '.' && name.charAt(end) != '[') {
            end++;
        }
        if (end == 0 && !name.isEmpty()) { // the sandbox of Jinja counts only fields that are all empty
            throw PythonError.lookup("format has no value for '%s'; write its number before it".formatted(name));
        }
        Object value = argument(name.substring(0, end));
        while (end < name.length()) {
            int start = end + 1;
            if (name.charAt(end) == '.') {
                end = start;
                while (end < name.length() && name.charAt(end) != '.' && name.charAt(end) != '[') {
                    end++;
                }
                value = Access.attribute(value, name.substring(start, end));
            } else {
                end = name.indexOf(']', start);
                if (end < 0) {
                    throw PythonError.value("Missing ']' in format string");
                }
                String key = name.substring(start, end++);
                value = Access.item(value, key.matches("\\d{1,9}") ? Numbers.of(Integer.parseInt(key)) : key);
            }
        }
        return value;
    }

    private Object argument(String name) {
        if (!name.isEmpty() && !name.matches("\\d{1,9}")) {
            if (!arguments.named().containsKey(name)) {
                throw PythonError.lookup("format has no value for '%s'".formatted(name));
            }
            return arguments.named().get(name);
        }
        if (name.isEmpty() ? numbered : automatic > 0) {
            throw PythonError.value("fields numbered by hand and automatically cannot be mixed in a format");
        }
        numbered |= !name.isEmpty();
        int place = name.isEmpty() ? automatic++ : Integer.parseInt(name);
        if (place >= arguments.positional().size()) {
            throw PythonError.lookup("Replacement index %d out of range for positional args tuple".formatted(place));
        }
        return arguments.positional().get(place);
    }
}
