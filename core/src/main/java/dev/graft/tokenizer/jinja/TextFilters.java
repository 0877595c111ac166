package dev.graft.tokenizer.jinja;

import dev.graft.tokenizer.jinja.Arguments.Bound;
import dev.graft.tokenizer.jinja.Filters.Filter;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/// Filters that make a text or a number of one value.
final class TextFilters {
    private static final Pattern WORD_BEGIN = Pattern.compile("([-\\s({\\[<]+)", Pattern.UNICODE_CHARACTER_CLASS);
    private static final Pattern WORD = Pattern.compile("\\w+", Pattern.UNICODE_CHARACTER_CLASS);

    static final Map<String, Filter> ALL = Map.ofEntries(
            entry("string", (value, a) -> value instanceof Markup ? value : text(value, a)),
            entry("upper", (value, a) -> Text.upper(text(value, a))),
            entry("lower", (value, a) -> Text.lower(text(value, a))),
            entry("capitalize", (value, a) -> Text.capitalize(text(value, a))),
            entry("title", (value, a) -> title(text(value, a))),
            entry("trim", TextFilters::trim),
            entry("replace", TextFilters::replace),
            entry("indent", TextFilters::indent),
            entry(
                    "center",
                    (value, a) -> StringMethods.padded(
                            Python.str(value), a.bind("width=").integer("width", 80), " ", 2)),
            entry("truncate", TextFilters::truncate),
            entry(
                    "wordcount",
                    (value, a) ->
                            Numbers.of(WORD.matcher(text(value, a)).results().count())),
            entry("format", TextFilters::format),
            entry("safe", (value, a) -> value instanceof Markup ? value : new Markup(text(value, a))),
            entry("e", TextFilters::escape),
            entry("escape", TextFilters::escape),
            entry("forceescape", (value, a) -> new Markup(Markup.escape(text(value, a)))),
            entry("tojson", TextFilters::toJson),
            entry("default", TextFilters::otherwise),
            entry("d", TextFilters::otherwise),
            entry("int", TextFilters::whole),
            entry("float", TextFilters::real),
            entry("abs", TextFilters::absolute),
            entry("round", TextFilters::round),
            entry(
                    "attr",
                    (value, a) -> attribute(Markup.plain(value), a.bind("name").text("name", ""))));

    private interface Plain {
        Object apply(Object value, Arguments arguments);
    }

    private TextFilters() {}

    private static Map.Entry<String, Filter> entry(String name, Plain filter) {
        return Map.entry(name, (_, value, arguments) -> filter.apply(value, arguments));
    }

    private static String text(Object value, Arguments arguments) {
        arguments.requireNone();
        return Python.str(value);
    }

    private static String title(String text) {
        StringBuilder result = new StringBuilder();
        var marks = WORD_BEGIN.matcher(text);
        int from = 0;
        while (marks.find()) {
            result.append(titled(text.substring(from, marks.start()))).append(marks.group());
            from = marks.end();
        }
        return result.append(titled(text.substring(from))).toString();
    }

    private static String titled(String word) {
        if (word.isEmpty()) {
            return word;
        }
        int first = Character.charCount(word.codePointAt(0));
        return Text.upper(word.substring(0, first)) + Text.lower(word.substring(first));
    }

    private static Object trim(Object value, Arguments arguments) {
        Bound bound = arguments.bind("chars=");
        String chars = bound.get("chars") == null ? null : bound.text("chars", "");
        String text = Python.str(value);
        return chars == null
                ? Text.strip(text)
                : Text.stripLeft(
                        Text.stripRight(text, point -> chars.indexOf(point) >= 0), point -> chars.indexOf(point) >= 0);
    }

    private static Object replace(Object value, Arguments arguments) {
        Bound bound = arguments.bind("old", "new", "count=");
        int count = bound.get("count") == null ? -1 : bound.integer("count", -1);
        return StringMethods.replaced(
                Python.str(value), Python.str(bound.get("old")), Python.str(bound.get("new")), count);
    }

    private static Object indent(Object value, Arguments arguments) {
        Bound bound = arguments.bind("width=", "first=", "blank=");
        Object width = bound.get("width", Numbers.of(4));
        int spaces = width instanceof String ? 0 : bound.integer("width", 4);
        Interpreter.requireBounded(spaces);
        String indention = width instanceof String text ? text : " ".repeat(Math.max(0, spaces));
        if (value instanceof Undefined undefined) {
            throw undefined.used();
        }
        if (!(value instanceof String) && !(value instanceof Markup)) {
            throw PythonError.type("filter indent: unsupported operand type(s) for +=: '%s' and 'str'"
                    .formatted(Python.typeName(value)));
        }
        List<Object> lines = StringParts.lines(Python.str(value) + "\n", false);
        boolean blank = bound.flag("blank");
        String rest = lines.stream()
                .skip(1)
                .map(line -> blank || !((String) line).isEmpty() ? indention + line : (String) line)
                .collect(Collectors.joining("\n"));
        String text = lines.getFirst() + (lines.size() > 1 ? "\n" + rest : "");
        return bound.flag("first") ? indention + text : text;
    }

    private static Object truncate(Object value, Arguments arguments) {
        Bound bound = arguments.bind("length=", "killwords=", "end=", "leeway=");
        String end = bound.text("end", "...");
        int length = bound.integer("length", 255);
        int leeway = bound.get("leeway") == null ? 5 : bound.integer("leeway", 5);
        if (length < Text.length(end) || leeway < 0) {
            throw PythonError.other("truncate: expected length >= %d and leeway >= 0".formatted(Text.length(end)));
        }
        if (Python.length(Markup.plain(value)) <= length + leeway) {
            return value; // a short list too
        }
        if (!(Markup.plain(value) instanceof String text)) {
            throw PythonError.type("filter truncate: expected a text, not a " + Python.typeName(value));
        }
        String cut = text.substring(0, Text.offset(text, length - Text.length(end)));
        int space = cut.lastIndexOf(' ');
        return (bound.flag("killwords") || space < 0 ? cut : cut.substring(0, space)) + end;
    }

    private static Object format(Object value, Arguments arguments) {
        if (!arguments.positional().isEmpty() && !arguments.named().isEmpty()) {
            throw PythonError.other("can't handle positional and keyword arguments at the same time");
        }
        Object values = arguments.named().isEmpty()
                ? new Tuple(arguments.positional())
                : new LinkedHashMap<Object, Object>(arguments.named());
        return PercentFormat.format(Python.str(value), values);
    }

    private static Object escape(Object value, Arguments arguments) {
        return value instanceof Markup ? value : new Markup(Markup.escape(text(value, arguments)));
    }

    /// As Transformers has it: nothing is escaped for HTML.
    private static Object toJson(Object value, Arguments arguments) {
        Bound bound = arguments.bind("ensure_ascii=", "indent=", "separators=", "sort_keys=");
        Object indent = bound.get("indent");
        if (indent != null && !(indent instanceof String)) {
            Interpreter.requireBounded(bound.integer("indent", 0));
            indent = " ".repeat(Math.max(0, bound.integer("indent", 0)));
        }
        Object separators = bound.get("separators");
        List<Object> marks = separators == null ? List.of(indent == null ? ", " : ",", ": ") : Python.items(separators);
        if (marks.size() != 2 || !(marks.get(0) instanceof String item) || !(marks.get(1) instanceof String key)) {
            throw PythonError.type("tojson: separators must be two strings");
        }
        return new PythonJson(bound.flag("ensure_ascii"), (String) indent, item, key, bound.flag("sort_keys"))
                .write(value);
    }

    private static Object otherwise(Object value, Arguments arguments) {
        Bound bound = arguments.bind("default_value=", "boolean=");
        boolean missing = value instanceof Undefined || bound.flag("boolean") && !Python.truth(value);
        return missing ? bound.get("default_value", "") : value;
    }

    private static Object whole(Object marked, Arguments arguments) {
        Bound bound = arguments.bind("default=", "base=");
        Object value = Markup.plain(marked);
        Object otherwise = bound.get("default", Numbers.of(0));
        try {
            if (value instanceof String text) {
                return Numbers.parseWhole(text, bound.integer("base", 10));
            }
            return toWhole(value);
        } catch (PythonError e) {
            if (e.kind() != PythonError.Kind.TYPE && e.kind() != PythonError.Kind.VALUE) {
                throw e;
            }
        }
        try {
            return Numbers.truncated(toReal(value));
        } catch (PythonError e) {
            if (value instanceof Undefined) {
                throw e;
            }
            return otherwise;
        }
    }

    private static BigInteger toWhole(Object value) {
        if (value instanceof Undefined undefined) {
            throw undefined.used();
        }
        if (Numbers.isWhole(value)) {
            return Numbers.whole(value);
        }
        if (value instanceof Double number) {
            return Numbers.truncated(number);
        }
        throw PythonError.type("int() argument must be a string or a real number, not " + Python.typeName(value));
    }

    static double toReal(Object value) {
        return switch (value) {
            case String text -> Numbers.parseReal(text);
            case Undefined undefined -> throw undefined.used();
            case null -> throw PythonError.type("float() argument must be a string or a real number");
            default -> {
                if (!Numbers.isNumber(value)) {
                    throw PythonError.type("float() argument must be a string or a real number");
                }
                yield Numbers.real(value);
            }
        };
    }

    private static Object real(Object value, Arguments arguments) {
        Bound bound = arguments.bind("default=");
        try {
            return toReal(Markup.plain(value));
        } catch (PythonError e) {
            if (e.kind() != PythonError.Kind.TYPE && e.kind() != PythonError.Kind.VALUE) {
                throw e;
            }
            return bound.get("default", 0.0);
        }
    }

    private static Object absolute(Object value, Arguments arguments) {
        arguments.requireNone();
        return switch (value) {
            case Undefined undefined -> throw undefined.used();
            case Double number -> Math.abs(number);
            case BigInteger number -> number.abs();
            case Boolean bool -> Numbers.whole(bool);
            case null, default ->
                throw PythonError.type("bad operand type for abs(): '%s'".formatted(Python.typeName(value)));
        };
    }

    private static Object round(Object value, Arguments arguments) {
        Bound bound = arguments.bind("precision=", "method=");
        int precision = bound.integer("precision", 0);
        String method = bound.text("method", "common");
        if (value instanceof Undefined undefined) {
            throw undefined.used();
        }
        if (!Numbers.isNumber(value)) {
            throw PythonError.type("type %s doesn't define __round__ method".formatted(Python.typeName(value)));
        }
        if (Math.abs(precision) > 300) {
            throw PythonError.value("round: a precision of %d is out of range".formatted(precision));
        }
        return switch (method) {
            case "common" -> rounded(value, precision);
            case "ceil", "floor" -> {
                double power = Math.pow(10, precision);
                double scaled = Numbers.real(value) * power;
                yield (method.equals("ceil") ? Math.ceil(scaled) : Math.floor(scaled)) / power;
            }
            default -> throw PythonError.other("method must be common, ceil or floor");
        };
    }

    private static Object rounded(Object value, int precision) {
        if (value instanceof Double number) {
            return Double.isFinite(number)
                    ? new BigDecimal(number)
                            .setScale(precision, RoundingMode.HALF_EVEN)
                            .doubleValue()
                    : number;
        }
        BigDecimal whole = new BigDecimal(Numbers.whole(value));
        return precision >= 0
                ? Numbers.whole(value)
                : whole.setScale(precision, RoundingMode.HALF_EVEN).toBigInteger();
    }

    /// Only what Python calls an attribute: not the elements of a dictionary.
    private static Object attribute(Object value, String name) {
        if (value instanceof Undefined undefined) {
            throw undefined.used();
        }
        Object found = Access.own(value, name);
        return found == Python.MISSING ? Undefined.part(value, name) : found;
    }
}
