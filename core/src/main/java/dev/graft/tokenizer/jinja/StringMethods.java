package dev.graft.tokenizer.jinja;

import dev.graft.tokenizer.jinja.Arguments.Bound;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.function.IntPredicate;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;

/// The methods of Python's `str`.
final class StringMethods {

    private interface Method {
        Object call(String text, Arguments arguments);
    }

    private static final Map<String, Method> METHODS = Map.ofEntries(
            plain("capitalize", Text::capitalize),
            plain("casefold", text -> Text.lower(Text.upper(text))),
            plain("lower", Text::lower),
            plain("swapcase", StringMethods::swapped),
            plain("title", Text::title),
            plain("upper", Text::upper),
            Map.entry("strip", (text, a) -> strip(text, a, true, true)),
            Map.entry("lstrip", (text, a) -> strip(text, a, true, false)),
            Map.entry("rstrip", (text, a) -> strip(text, a, false, true)),
            Map.entry("center", (text, a) -> padded(text, a, 2)),
            Map.entry("ljust", (text, a) -> padded(text, a, 0)),
            Map.entry("rjust", (text, a) -> padded(text, a, 1)),
            Map.entry("zfill", (text, a) -> zeroFilled(text, a.bind("width").integer("width", 0))),
            Map.entry(
                    "expandtabs",
                    (text, a) -> StringParts.expandTabs(text, a.bind("tabsize=").integer("tabsize", 8))),
            Map.entry("startswith", (text, a) -> affixed(text, a, true)),
            Map.entry("endswith", (text, a) -> affixed(text, a, false)),
            Map.entry("removeprefix", (text, a) -> {
                String prefix = a.bind("prefix").text("prefix", "");
                return text.startsWith(prefix) ? text.substring(prefix.length()) : text;
            }),
            Map.entry("removesuffix", (text, a) -> {
                String suffix = a.bind("suffix").text("suffix", "");
                return text.endsWith(suffix) ? text.substring(0, text.length() - suffix.length()) : text;
            }),
            Map.entry("find", (text, a) -> Numbers.of(StringParts.find(text, a, false))),
            Map.entry("rfind", (text, a) -> Numbers.of(StringParts.find(text, a, true))),
            Map.entry("index", (text, a) -> found(StringParts.find(text, a, false))),
            Map.entry("rindex", (text, a) -> found(StringParts.find(text, a, true))),
            Map.entry("count", (text, a) -> Numbers.of(StringParts.count(text, a))),
            Map.entry("replace", (text, a) -> {
                Bound bound = a.bind("old", "new", "count=");
                return replaced(text, bound.text("old", ""), bound.text("new", ""), bound.integer("count", -1));
            }),
            Map.entry("split", (text, a) -> {
                Bound bound = a.bind("sep=", "maxsplit=");
                return StringParts.split(text, bound.get("sep"), bound.integer("maxsplit", -1));
            }),
            Map.entry("rsplit", (text, a) -> {
                Bound bound = a.bind("sep=", "maxsplit=");
                return StringParts.splitFromRight(text, bound.get("sep"), bound.integer("maxsplit", -1));
            }),
            Map.entry(
                    "splitlines",
                    (text, a) -> StringParts.lines(text, a.bind("keepends=").flag("keepends"))),
            Map.entry("partition", (text, a) -> StringParts.partition(text, a, false)),
            Map.entry("rpartition", (text, a) -> StringParts.partition(text, a, true)),
            Map.entry("join", (text, a) -> joined(text, a.bind("iterable").get("iterable"))),
            Map.entry("format", StrFormat::format),
            Map.entry(
                    "format_map",
                    (text, a) -> StrFormat.formatMap(text, a.bind("mapping").get("mapping"))),
            test(
                    "isalnum",
                    point -> Character.isLetterOrDigit(point)
                            || Character.getType(point) == Character.OTHER_NUMBER
                            || Character.getType(point) == Character.LETTER_NUMBER),
            test("isalpha", Character::isLetter),
            test("isdecimal", Character::isDigit),
            test("isdigit", StringMethods::isDigit),
            test(
                    "isnumeric",
                    point -> isDigit(point)
                            || Character.getType(point) == Character.OTHER_NUMBER
                            || Character.getType(point) == Character.LETTER_NUMBER),
            test("isspace", Text::isSpace),
            Map.entry("isascii", (text, a) -> {
                a.requireNone();
                return text.chars().allMatch(c -> c < 128);
            }),
            Map.entry("isprintable", (text, a) -> {
                a.requireNone();
                return text.codePoints().allMatch(Text::isPrintable);
            }),
            Map.entry("isidentifier", (text, a) -> {
                a.requireNone();
                return text.matches("[\\p{L}\\p{Nl}_][\\p{L}\\p{Nl}\\p{Mn}\\p{Mc}\\p{Nd}\\p{Pc}]*");
            }),
            Map.entry("islower", (text, a) -> {
                a.requireNone();
                return text.codePoints().anyMatch(Character::isLowerCase)
                        && text.codePoints()
                                .noneMatch(point -> Character.isUpperCase(point) || Character.isTitleCase(point));
            }),
            Map.entry("isupper", (text, a) -> {
                a.requireNone();
                return text.codePoints().anyMatch(Character::isUpperCase)
                        && text.codePoints()
                                .noneMatch(point -> Character.isLowerCase(point) || Character.isTitleCase(point));
            }),
            Map.entry("istitle", (text, a) -> {
                a.requireNone();
                return text.codePoints().anyMatch(Text::isCased)
                        && Text.title(text).equals(text);
            }));

    private StringMethods() {}

    /// The method, bound to its text; [Python#MISSING] where `str` has none of that name.
    static Object of(String text, String name) {
        Method method = METHODS.get(name);
        return method == null ? Python.MISSING : (Callable) (_, arguments) -> method.call(text, arguments);
    }

    private static Map.Entry<String, Method> plain(String name, UnaryOperator<String> change) {
        return Map.entry(name, (text, arguments) -> {
            arguments.requireNone();
            return change.apply(text);
        });
    }

    private static Map.Entry<String, Method> test(String name, IntPredicate test) {
        return Map.entry(name, (text, arguments) -> {
            arguments.requireNone();
            return !text.isEmpty() && text.codePoints().allMatch(test);
        });
    }

    private static boolean isDigit(int point) {
        return Character.isDigit(point) || "²³¹⁰⁴⁵⁶⁷⁸⁹₀₁₂₃₄₅₆₇₈₉①②③④⑤⑥⑦⑧⑨".indexOf(point) >= 0;
    }

    private static String swapped(String text) {
        return text.codePoints()
                .mapToObj(Character::toString)
                .map(letter -> Character.isUpperCase(letter.codePointAt(0)) ? Text.lower(letter) : Text.upper(letter))
                .collect(Collectors.joining());
    }

    private static String strip(String text, Arguments arguments, boolean left, boolean right) {
        Bound bound = arguments.bind("chars=");
        String chars = bound.get("chars") == null ? null : bound.text("chars", "");
        IntPredicate taken = chars == null ? Text::isSpace : point -> chars.indexOf(point) >= 0;
        String result = right ? Text.stripRight(text, taken) : text;
        return left ? Text.stripLeft(result, taken) : result;
    }

    /// @param side  0 for the text on the left, 1 on the right, 2 in the middle
    private static String padded(String text, Arguments arguments, int side) {
        Bound bound = arguments.bind("width", "fillchar=");
        String fill = bound.text("fillchar", " ");
        if (Text.length(fill) != 1) {
            throw PythonError.type("the fill character must be exactly one character long");
        }
        return padded(text, bound.integer("width", 0), fill, side);
    }

    static String padded(String text, int width, String fill, int side) {
        Interpreter.requireBounded(width);
        int missing = Math.max(0, width - Text.length(text));
        int left = side == 0 ? 0 : side == 1 ? missing : missing / 2 + (missing & width & 1);
        return fill.repeat(left) + text + fill.repeat(missing - left);
    }

    private static String zeroFilled(String text, int width) {
        boolean signed = text.startsWith("-") || text.startsWith("+");
        String digits = signed ? text.substring(1) : text;
        return (signed ? text.substring(0, 1) : "") + padded(digits, width - (signed ? 1 : 0), "0", 1);
    }

    private static boolean affixed(String text, Arguments arguments, boolean start) {
        Bound bound = arguments.bind("prefix", "start=", "end=");
        String part = StringParts.within(text, bound.get("start"), bound.get("end"));
        Object affix = bound.get("prefix");
        List<Object> choices = affix instanceof Tuple tuple ? tuple.items() : Collections.singletonList(affix);
        boolean found = false;
        for (Object choice : choices) {
            if (!(choice instanceof String one)) {
                throw PythonError.type("%s first arg must be str or a tuple of str, not %s"
                        .formatted(arguments.callee(), Python.typeName(choice)));
            }
            found |= part != null && (start ? part.startsWith(one) : part.endsWith(one));
        }
        return found;
    }

    private static Object found(int index) {
        if (index < 0) {
            throw PythonError.value("substring not found");
        }
        return Numbers.of(index);
    }

    static String replaced(String text, String old, String with, int count) {
        List<String> parts = new ArrayList<>();
        int from = 0;
        long length = text.length();
        while (parts.size() != (count < 0 ? -1 : count)) {
            int at = old.isEmpty() ? from : text.indexOf(old, from);
            if (at < 0) {
                break;
            }
            int end = old.isEmpty() ? at : at + old.length();
            if (old.isEmpty()) {
                if (parts.isEmpty()) {
                    parts.add("");
                    continue;
                }
                if (from >= text.length()) {
                    break;
                }
                end = from + Character.charCount(text.codePointAt(from));
                parts.add(text.substring(from, end));
            } else {
                parts.add(text.substring(from, at));
            }
            from = end;
            length += with.length();
            Interpreter.requireBounded(length);
        }
        parts.add(text.substring(from));
        return String.join(with, parts);
    }

    private static String joined(String separator, Object values) {
        List<Object> items = Python.items(values);
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < items.size(); i++) {
            if (!(Markup.plain(items.get(i)) instanceof String item)) {
                throw PythonError.type("sequence item %d: expected str instance, %s found"
                        .formatted(i, Python.typeName(items.get(i))));
            }
            text.append(i == 0 ? "" : separator).append(item);
            Interpreter.requireBounded(text.length());
        }
        return text.toString();
    }
}
