package dev.graft.tokenizer.jinja;

import java.math.BigInteger;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.Predicate;

/// The tests, `value is name(arguments)`, by name.
final class Tests {

    /// `value is test(arguments)`
    interface Test {
        boolean holds(Object value, Arguments arguments);
    }

    private static final Map<String, Test> ALL = new HashMap<>();

    static {
        plain("defined", value -> !(value instanceof Undefined));
        plain("undefined", value -> value instanceof Undefined);
        plain("none", value -> value == null);
        plain("boolean", value -> value instanceof Boolean);
        plain("true", value -> Boolean.TRUE.equals(value));
        plain("false", value -> Boolean.FALSE.equals(value));
        plain("integer", value -> value instanceof BigInteger);
        plain("float", value -> value instanceof Double);
        plain("number", Numbers::isNumber);
        plain("string", value -> value instanceof String);
        plain("mapping", value -> value instanceof Map<?, ?>);
        plain("iterable", Python::isIterable);
        plain("sequence", Tests::isSequence);
        plain("callable", value -> value instanceof Callable || value instanceof Undefined);
        plain("escaped", _ -> false);
        plain("lower", value -> isCase(value, "islower"));
        plain("upper", value -> isCase(value, "isupper"));
        plain("even", value -> rest(value, Numbers.of(2)).equals(BigInteger.ZERO));
        plain("odd", value -> rest(value, Numbers.of(2)).equals(BigInteger.ONE));
        plain("filter", value -> hashable(value) instanceof String name && Filters.isKnown(name));
        plain("test", value -> hashable(value) instanceof String name && isKnown(name));
        ALL.put(
                "divisibleby",
                (value, a) -> Python.equal(rest(value, a.bind("num").get("num")), Numbers.of(0)));
        ALL.put("sameas", (value, a) -> isSame(value, a.bind("other").get("other")));
        ALL.put("in", (value, a) -> Python.contains(a.bind("seq").get("seq"), value));
        operator("==", "eq", "equalto");
        operator("!=", "ne");
        operator("<", "lt", "lessthan");
        operator("<=", "le");
        operator(">", "gt", "greaterthan");
        operator(">=", "ge");
    }

    private Tests() {}

    /// What may be a key: the names of filters and tests are looked up as such.
    private static Object hashable(Object value) {
        Python.requireHashable(value);
        return value;
    }

    private static void plain(String name, Predicate<Object> test) {
        ALL.put(name, (value, arguments) -> {
            arguments.requireNone();
            return test.test(value);
        });
    }

    private static void operator(String operator, String... names) {
        Test test = (value, arguments) ->
                Operators.holds(operator, value, arguments.bind("other").get("other"));
        ALL.put(operator, test);
        List.of(names).forEach(name -> ALL.put(name, test));
    }

    static boolean isKnown(String name) {
        return ALL.containsKey(name);
    }

    static String unknown(String name) {
        return "there is no test '%s'; the tests are %s"
                .formatted(name, String.join(", ", new TreeSet<>(ALL.keySet())));
    }

    static Test named(String name) {
        if (!isKnown(name)) {
            throw PythonError.other(unknown(name));
        }
        return ALL.get(name);
    }

    private static boolean isSequence(Object value) {
        return value instanceof String
                || value instanceof List<?>
                || value instanceof Tuple
                || value instanceof Map<?, ?>
                || value instanceof Undefined;
    }

    private static boolean isCase(Object value, String method) {
        Callable test = (Callable) StringMethods.of(Python.str(value), method);
        return (Boolean) test.call(null, Arguments.of(method));
    }

    private static Object rest(Object value, Object divisor) {
        Object rest = Operators.binary("%", value, divisor);
        return rest instanceof Double real && real == Math.rint(real) ? Numbers.truncated(real) : rest;
    }

    private static boolean isSame(Object value, Object other) {
        return value == other
                || value instanceof String && value.equals(other)
                || value instanceof Boolean && value.equals(other)
                || value instanceof BigInteger && value.equals(other);
    }
}
