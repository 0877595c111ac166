package dev.graft.tokenizer.jinja;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;

/// The values of Python in Java, and what Python does with any of them.
///
/// | Python | Java |
/// |---|---|
/// | `None` | `null` |
/// | `bool`, `int`, `float` | [Boolean], [BigInteger], [Double] |
/// | `str` | [String] |
/// | `list`, `tuple`, `dict` | [List], [Tuple], [Map] |
final class Python {
    /// An attribute or element that does not exist, where None could be one.
    static final Object MISSING = new Object();

    private static final int DEEPEST = 500;

    private Python() {}

    static String typeName(Object value) {
        return switch (value) {
            case null -> "NoneType";
            case Boolean _ -> "bool";
            case BigInteger _ -> "int";
            case Double _ -> "float";
            case String _, Markup _ -> "str";
            case Range _ -> "range";
            case List<?> _ -> "list";
            case Tuple _ -> "tuple";
            case Map<?, ?> _ -> "dict";
            case DictView view -> "dict_" + view.name();
            case Undefined _ -> "Undefined";
            case Lazy _ -> "generator";
            case Namespace _ -> "Namespace";
            case Macro _ -> "Macro";
            case Loop _ -> "LoopContext";
            case Slice _ -> "slice";
            default -> "function";
        };
    }

    /// `str(value)`
    static String str(Object value) {
        return switch (value) {
            case String text -> text;
            case Markup markup -> markup.text();
            case Undefined _ -> "";
            case null, default -> repr(value);
        };
    }

    /// `repr(value)`
    static String repr(Object value) {
        StringBuilder out = new StringBuilder();
        repr(value, out, 0);
        return out.toString();
    }

    private static void repr(Object value, StringBuilder out, int depth) {
        if (depth > DEEPEST) {
            throw PythonError.other("a value is nested more than %d deep".formatted(DEEPEST));
        }
        switch (value) {
            case null -> out.append("None");
            case Boolean bool -> out.append(bool ? "True" : "False");
            case BigInteger number -> out.append(number);
            case Double number -> out.append(floatRepr(number));
            case String text -> out.append(Text.repr(text));
            case Markup markup ->
                out.append("Markup(").append(Text.repr(markup.text())).append(')');
            case Range range -> out.append(rangeRepr(range));
            case List<?> list -> repr("[", list, "]", out, depth);
            case Tuple tuple -> repr("(", tuple.items(), tuple.items().size() == 1 ? ",)" : ")", out, depth);
            case Map<?, ?> dict -> repr(dict, out, depth);
            case DictView view -> {
                out.append("dict_").append(view.name()).append('(');
                repr("[", view.items(), "])", out, depth);
            }
            case Undefined _ -> out.append("Undefined");
            case Namespace namespace -> {
                out.append("<Namespace ");
                repr(namespace.values(), out, depth);
                out.append('>');
            }
            case Macro macro ->
                out.append("<Macro ")
                        .append(macro.name() == null ? "anonymous" : Text.repr(macro.name()))
                        .append('>');
            case Loop loop -> out.append(loop);
            default ->
                throw PythonError.type(
                        "a %s cannot be printed; Python would write its address in memory".formatted(typeName(value)));
        }
    }

    private static void repr(String open, List<?> items, String close, StringBuilder out, int depth) {
        String separator = open;
        for (Object item : items) {
            out.append(separator);
            repr(item, out, depth + 1);
            separator = ", ";
        }
        out.append(items.isEmpty() ? open : "").append(close);
    }

    private static void repr(Map<?, ?> dict, StringBuilder out, int depth) {
        String separator = "{";
        for (Map.Entry<?, ?> entry : dict.entrySet()) {
            out.append(separator);
            repr(entry.getKey(), out, depth + 1);
            out.append(": ");
            repr(entry.getValue(), out, depth + 1);
            separator = ", ";
        }
        out.append(dict.isEmpty() ? "{}" : "}");
    }

    private static String rangeRepr(Range range) {
        long stop = range.stop();
        return range.step() == 1
                ? "range(%d, %d)".formatted(range.start(), stop)
                : "range(%d, %d, %d)".formatted(range.start(), stop, range.step());
    }

    /// The shortest text that reads back as the same number; powers of ten outside 1e-4 … 1e16 with an
    /// exponent.
    static String floatRepr(double number) {
        if (Double.isNaN(number)) {
            return "nan";
        }
        String sign = number < 0 || 1 / number < 0 ? "-" : "";
        if (Double.isInfinite(number)) {
            return sign + "inf";
        }
        if (number == 0) {
            return sign + "0.0";
        }
        BigDecimal exact = new BigDecimal(Double.toString(Math.abs(number))).stripTrailingZeros();
        BigDecimal oneDigit = exact.round(new MathContext(1)); // Double.toString never writes fewer than two
        exact = oneDigit.doubleValue() == Math.abs(number) ? oneDigit.stripTrailingZeros() : exact;
        int exponent = exact.precision() - exact.scale() - 1;
        if (exponent >= -4 && exponent < 16) {
            String plain = exact.toPlainString();
            return sign + (plain.indexOf('.') < 0 ? plain + ".0" : plain);
        }
        String digits = exact.unscaledValue().toString();
        String mantissa = digits.length() == 1 ? digits : digits.charAt(0) + "." + digits.substring(1);
        return sign + mantissa + "e" + (exponent < 0 ? "-" : "+") + (Math.abs(exponent) < 10 ? "0" : "")
                + Math.abs(exponent);
    }

    /// `bool(value)`
    static boolean truth(Object value) {
        return switch (value) {
            case null -> false;
            case Boolean bool -> bool;
            case BigInteger number -> number.signum() != 0;
            case Double number -> number != 0;
            case String text -> !text.isEmpty();
            case Markup markup -> !markup.text().isEmpty();
            case List<?> list -> !list.isEmpty();
            case Tuple tuple -> !tuple.items().isEmpty();
            case Map<?, ?> dict -> !dict.isEmpty();
            case DictView view -> !view.dict().isEmpty();
            case Undefined _ -> false;
            default -> true;
        };
    }

    /// `len(value)`
    static int length(Object value) {
        return switch (value) {
            case String text -> Text.length(text);
            case List<?> list -> list.size();
            case Tuple tuple -> tuple.items().size();
            case Map<?, ?> dict -> dict.size();
            case DictView view -> view.dict().size();
            case Undefined _ -> 0;
            case null, default -> throw PythonError.type("object of type '%s' has no len()".formatted(typeName(value)));
        };
    }

    static boolean isIterable(Object value) {
        return value instanceof String
                || value instanceof List<?>
                || value instanceof Tuple
                || value instanceof Map<?, ?>
                || value instanceof DictView
                || value instanceof Lazy
                || value instanceof Undefined;
    }

    /// `iter(value)`
    static Iterator<Object> iterate(Object value) {
        return value instanceof Lazy lazy ? lazy.values() : items(value).iterator();
    }

    /// `list(value)`; what can be gone through only once is then used up.
    static List<Object> items(Object value) {
        return switch (value) {
            case List<?> list -> new ArrayList<>(list);
            case Tuple tuple -> new ArrayList<>(tuple.items());
            case String text -> {
                List<Object> points = new ArrayList<>();
                text.codePoints().forEach(point -> points.add(Character.toString(point)));
                yield points;
            }
            case Map<?, ?> dict -> new ArrayList<>(dict.keySet());
            case DictView view -> view.items();
            case Lazy lazy -> {
                List<Object> rest = new ArrayList<>();
                lazy.values().forEachRemaining(rest::add);
                yield rest;
            }
            case Undefined _ -> new ArrayList<>();
            case null, default -> throw PythonError.type("'%s' object is not iterable".formatted(typeName(value)));
        };
    }

    /// `a == b`
    static boolean equal(Object a, Object b) {
        if (a == b) {
            return !(a instanceof Double number && number.isNaN());
        }
        if (a == null || b == null) {
            return false;
        }
        if (Numbers.isNumber(a) && Numbers.isNumber(b)) {
            return Numbers.equal(a, b);
        }
        return switch (a) {
            case List<?> list -> b instanceof List<?> other && equalItems(list, other);
            case Tuple tuple -> b instanceof Tuple other && equalItems(tuple.items(), other.items());
            case Map<?, ?> dict -> b instanceof Map<?, ?> other && equalDicts(dict, other);
            case DictView view -> b instanceof DictView other && equalItems(view.items(), other.items());
            case Undefined _ -> b instanceof Undefined;
            case Lazy _, Namespace _ -> false;
            default -> a.equals(b);
        };
    }

    private static boolean equalItems(List<?> a, List<?> b) {
        if (a.size() != b.size()) {
            return false;
        }
        Iterator<?> others = b.iterator();
        for (Object item : a) {
            if (!equal(item, others.next())) {
                return false;
            }
        }
        return true;
    }

    private static boolean equalDicts(Map<?, ?> a, Map<?, ?> b) {
        return a.size() == b.size()
                && a.entrySet().stream().allMatch(entry -> {
                    Object other = lookup(b, entry.getKey());
                    return other != MISSING && equal(entry.getValue(), other);
                });
    }

    /// What a dictionary holds under a key; `1`, `1.0` and `true` are the same key.
    static Object lookup(Map<?, ?> dict, Object key) {
        requireHashable(key);
        if (key instanceof String) {
            Object value = dict.get(key);
            return value != null || dict.containsKey(key) ? value : MISSING;
        }
        for (Map.Entry<?, ?> entry : dict.entrySet()) {
            if (!(entry.getKey() instanceof String) && equal(entry.getKey(), key)) {
                return entry.getValue();
            }
        }
        return MISSING;
    }

    /// Sets a key as a Python dictionary does: an equal key keeps its place and spelling.
    static void put(Map<Object, Object> dict, Object key, Object value) {
        requireHashable(key);
        Object same = key;
        if (!(key instanceof String)) {
            for (Object known : dict.keySet()) {
                same = equal(known, key) ? known : same;
            }
        }
        dict.put(same, value);
    }

    static void requireHashable(Object key) {
        if (key instanceof Map<?, ?> || key instanceof DictView || key instanceof List<?> && !(key instanceof Range)) {
            throw PythonError.type("unhashable type: '%s'".formatted(typeName(key)));
        }
        if (key instanceof Tuple tuple) {
            tuple.items().forEach(Python::requireHashable);
        }
    }

    /// The order of two values that have one.
    static int compare(String operator, Object a, Object b) {
        if (Numbers.isNumber(a) && Numbers.isNumber(b)) {
            return Numbers.compare(a, b);
        }
        if (a instanceof String x && b instanceof String y) {
            return compareText(x, y);
        }
        if (a instanceof List<?> x && b instanceof List<?> y) {
            return compareItems(operator, x, y);
        }
        if (a instanceof Tuple x && b instanceof Tuple y) {
            return compareItems(operator, x.items(), y.items());
        }
        for (Object value : new Object[] {a, b}) {
            if (value instanceof Undefined undefined) {
                throw undefined.used();
            }
        }
        throw PythonError.type(
                "'%s' not supported between instances of '%s' and '%s'".formatted(operator, typeName(a), typeName(b)));
    }

    private static int compareText(String a, String b) {
        int i = 0;
        while (i < a.length() && i < b.length() && a.charAt(i) == b.charAt(i)) {
            i++;
        }
        if (i == a.length() || i == b.length()) {
            return Integer.compare(a.length(), b.length());
        }
        char x = a.charAt(i);
        char y = b.charAt(i);
        // by code point: a surrogate, half of a large one, is above every other char
        return Character.isSurrogate(x) == Character.isSurrogate(y)
                ? Character.compare(x, y)
                : Character.isSurrogate(x) ? 1 : -1;
    }

    private static int compareItems(String operator, List<?> a, List<?> b) {
        for (int i = 0; i < Math.min(a.size(), b.size()); i++) {
            if (!equal(a.get(i), b.get(i))) {
                return compare(operator, a.get(i), b.get(i));
            }
        }
        return Integer.compare(a.size(), b.size());
    }

    /// `item in container`
    static boolean contains(Object container, Object item) {
        return switch (container) {
            case String text -> {
                if (!(item instanceof String part)) {
                    throw PythonError.type("'in <string>' requires string as left operand, not " + typeName(item));
                }
                yield text.contains(part);
            }
            case Map<?, ?> dict -> lookup(dict, item) != MISSING;
            case null, default -> {
                if (!isIterable(container)) {
                    throw PythonError.type("argument of type '%s' is not iterable".formatted(typeName(container)));
                }
                if (container instanceof DictView view && view.name().equals("keys")) {
                    requireHashable(item);
                }
                Iterator<Object> values = iterate(container);
                boolean found = false;
                while (!found && values.hasNext()) {
                    found = equal(values.next(), item);
                }
                yield found;
            }
        };
    }
}
