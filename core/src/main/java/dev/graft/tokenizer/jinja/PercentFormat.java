package dev.graft.tokenizer.jinja;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// `format % values`: `%s`, `%05.2f`, `%(name)s`.
final class PercentFormat {
    private static final Pattern FIELD = Pattern.compile(
            "%(?:\\(([^)]*)\\))?([-+ #0]*)(\\*|\\d{1,9})?(?:\\.(\\*|\\d{0,9}))?[hlL]?(.)?", Pattern.DOTALL);

    private final List<Object> values;
    private final Object whole;
    private int used;

    private PercentFormat(Object whole) {
        this.whole = whole;
        this.values = whole instanceof Tuple tuple ? tuple.items() : Collections.singletonList(whole);
    }

    static String format(String format, Object value) {
        PercentFormat fields = new PercentFormat(value);
        StringBuilder out = new StringBuilder();
        Matcher matcher = FIELD.matcher(format);
        int from = 0;
        boolean named = false;
        while (matcher.find()) {
            out.append(format, from, matcher.start()).append(fields.field(matcher));
            named |= matcher.group(1) != null;
            from = matcher.end();
            Interpreter.requireBounded(out.length());
        }
        out.append(format, from, format.length());
        boolean allUsed = named
                || fields.used == fields.values.size()
                || value instanceof Map<?, ?>
                || value instanceof List<?>
                || value instanceof Undefined;
        if (!allUsed) {
            throw PythonError.type("not all arguments converted during string formatting");
        }
        return out.toString();
    }

    private String field(Matcher field) {
        if (field.group(5) == null) {
            throw PythonError.value("incomplete format");
        }
        char type = field.group(5).charAt(0);
        if (type == '%') {
            return "%";
        }
        String flags = field.group(2);
        int width = number(field.group(3), 0);
        int precision = field.group(4) == null ? -1 : number(field.group(4), 0);
        Object value = field.group(1) != null ? named(field.group(1)) : next();
        boolean left = flags.contains("-") || width < 0;
        return switch (type) {
            case 's', 'r', 'a' -> {
                String text = type == 's' ? Python.str(value) : Python.repr(value);
                text = type == 'a' ? PythonJson.ascii(text) : text;
                yield spec(left ? '<' : '>', '-', false, Math.abs(width), precision, 's', " ")
                        .text(text);
            }
            case 'c' ->
                spec(left ? '<' : '>', '-', false, Math.abs(width), -1, 's', " ")
                        .text(character(value));
            case 'd', 'i', 'u', 'x', 'X', 'o', 'e', 'E', 'f', 'F', 'g', 'G' ->
                number(value, type, flags, left, Math.abs(width), precision);
            default -> throw PythonError.value("unsupported format character '%c'".formatted(type));
        };
    }

    private static String number(Object value, char type, String flags, boolean left, int width, int precision) {
        if (!Numbers.isNumber(value)) {
            throw PythonError.type(
                    "%%%c format: a real number is required, not %s".formatted(type, Python.typeName(value)));
        }
        char sign = flags.contains("+") ? '+' : flags.contains(" ") ? ' ' : '-';
        boolean zero = flags.contains("0") && !left;
        boolean real = "eEfFgG".indexOf(type) >= 0;
        boolean hexadecimal = "xXo".indexOf(type) >= 0;
        if (hexadecimal && value instanceof Double) {
            throw PythonError.type("%%%c format: an integer is required, not float".formatted(type));
        }
        FormatSpec spec = spec(
                left ? '<' : zero ? '=' : '>',
                sign,
                flags.contains("#"),
                width,
                real ? precision : -1,
                real || hexadecimal ? type : 'd',
                zero ? "0" : " ");
        if (real) {
            return spec.real(Numbers.real(value));
        }
        return spec.whole(value instanceof Double number ? Numbers.truncated(number) : Numbers.whole(value));
    }

    private static FormatSpec spec(
            char align, char sign, boolean alternate, int width, int precision, char type, String fill) {
        return new FormatSpec(fill, align, sign, alternate, width, "", precision, type);
    }

    private static String character(Object value) {
        if (value instanceof String text && Text.length(text) == 1) {
            return text;
        }
        if (!Numbers.isWhole(value)) {
            throw PythonError.type("%c requires an int or a unicode character, not " + Python.typeName(value));
        }
        return Character.toString(Numbers.index(value).orElseThrow());
    }

    private int number(String text, int otherwise) {
        if ("*".equals(text)) {
            return Numbers.index(next()).orElseThrow(() -> PythonError.type("* wants int"));
        }
        return text == null || text.isEmpty() ? otherwise : Integer.parseInt(text);
    }

    private Object named(String name) {
        if (!(whole instanceof Map<?, ?> dict)) {
            throw PythonError.type("format requires a mapping");
        }
        Object value = Python.lookup(dict, name);
        if (value == Python.MISSING) {
            throw PythonError.lookup("format has no value for '%s'".formatted(name));
        }
        return value;
    }

    private Object next() {
        if (used >= values.size()) {
            throw PythonError.type("not enough arguments for format string");
        }
        return values.get(used++);
    }
}
