package dev.graft.tokenizer.jinja;

import dev.graft.tokenizer.jinja.Arguments.Bound;
import dev.graft.tokenizer.jinja.Filters.Filter;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/// Filters that were made for web pages: addresses, attributes, sizes.
final class PageFilters {
    private static final Pattern NO_ATTRIBUTE_NAME = Pattern.compile("[\\s/>=]", Pattern.UNICODE_CHARACTER_CLASS);
    private static final List<String> SIZES = List.of("k", "M", "G", "T", "P", "E", "Z", "Y");

    static final Map<String, Filter> ALL = Map.of(
            "urlencode", (_, value, a) -> urlEncoded(value, a),
            "xmlattr", (_, value, a) -> attributes(value, a),
            "filesizeformat", (_, value, a) -> fileSize(value, a));

    private PageFilters() {}

    private static String urlEncoded(Object value, Arguments arguments) {
        arguments.requireNone();
        return switch (Markup.plain(value)) {
            case Map<?, ?> dict ->
                query(dict.entrySet().stream()
                        .map(entry -> Tuple.of(entry.getKey(), entry.getValue()))
                        .toList());
            case List<?> items -> query(items);
            case Tuple items -> query(items.items());
            case null, default -> quoted(Python.str(value), "/");
        };
    }

    private static String query(List<?> pairs) {
        List<String> parts = new ArrayList<>();
        for (Object pair : pairs) {
            List<Object> two = Python.items(pair);
            if (two.size() != 2) {
                throw PythonError.value("urlencode: expected pairs of a name and a value");
            }
            parts.add(quoted(Python.str(two.get(0)), "").replace("%20", "+") + "="
                    + quoted(Python.str(two.get(1)), "").replace("%20", "+"));
        }
        return String.join("&", parts);
    }

    /// Bytes of UTF-8 as `%XX`, but for letters, digits, `_.-~` and what is safe beside them.
    private static String quoted(String text, String safe) {
        StringBuilder out = new StringBuilder();
        for (byte one : text.getBytes(StandardCharsets.UTF_8)) {
            char c = (char) (one & 0xff);
            boolean plain = c < 128 && (Character.isLetterOrDigit(c) || "_.-~".indexOf(c) >= 0 || safe.indexOf(c) >= 0);
            out.append(plain ? String.valueOf(c) : "%%%02X".formatted((int) c));
        }
        return out.toString();
    }

    private static String attributes(Object value, Arguments arguments) {
        Bound bound = arguments.bind("autospace=");
        if (!(value instanceof Map<?, ?> dict)) {
            throw PythonError.other("'%s' object has no attribute 'items'".formatted(Python.typeName(value)));
        }
        List<String> parts = new ArrayList<>();
        dict.forEach((name, one) -> {
            if (one == null || one instanceof Undefined) {
                return;
            }
            if (one instanceof Markup) {
                throw PythonError.other("xmlattr: a value that is marked safe cannot be written");
            }
            if (!(Markup.plain(name) instanceof String key)) {
                throw PythonError.type(
                        "expected string or bytes-like object, got '%s'".formatted(Python.typeName(name)));
            }
            if (NO_ATTRIBUTE_NAME.matcher(key).find()) {
                throw PythonError.value("Invalid character in attribute name: " + Text.repr(key));
            }
            parts.add("%s=\"%s\"".formatted(Markup.escape(key), Markup.escape(Python.str(one))));
        });
        String all = String.join(" ", parts);
        boolean space = !bound.has("autospace") || bound.flag("autospace");
        return space && !all.isEmpty() ? " " + all : all;
    }

    private static String fileSize(Object value, Arguments arguments) {
        boolean binary = arguments.bind("binary=").flag("binary");
        double bytes = TextFilters.toReal(Markup.plain(value));
        double base = binary ? 1024 : 1000;
        if (bytes == 1) {
            return "1 Byte";
        }
        if (bytes < base) {
            return Numbers.truncated(bytes) + " Bytes";
        }
        double unit = base * base;
        int size = 0;
        while (size < SIZES.size() - 1 && bytes >= unit) {
            unit *= base;
            size++;
        }
        double shown = base * bytes / unit;
        if (!Double.isFinite(shown)) {
            throw PythonError.value("filesizeformat: %s is no size".formatted(Python.str(value)));
        }
        String prefix = SIZES.get(size);
        return new BigDecimal(shown).setScale(1, RoundingMode.HALF_EVEN).toPlainString()
                + " "
                + (binary ? (prefix.equals("k") ? "K" : prefix) + "iB" : prefix + "B");
    }
}
