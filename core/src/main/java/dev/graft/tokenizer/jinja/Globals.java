package dev.graft.tokenizer.jinja;

import dev.graft.tokenizer.jinja.Arguments.Bound;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// What a template can read from the beginning: the functions, and the variables it is given.
final class Globals {
    private static final Map<String, Object> FUNCTIONS = Map.of(
            "range", (Callable) Globals::range,
            "dict", new Dict(),
            "namespace", (Callable) Globals::namespace,
            "cycler", (Callable) (_, arguments) -> new Cycler(arguments.positional()),
            "joiner", (Callable) Globals::joiner,
            "raise_exception",
                    (Callable) (_, arguments) -> {
                        throw PythonError.raised(
                                Python.str(arguments.bind("message").get("message")));
                    },
            "strftime_now",
                    (Callable) (_, arguments) -> Strftime.format(
                            ZonedDateTime.now(), arguments.bind("format").text("format", "")));

    private Globals() {}

    static Map<String, Object> with(Map<String, ?> variables) {
        Map<String, Object> all = new HashMap<>(FUNCTIONS);
        variables.forEach((name, value) -> all.put(name, pythonic(value)));
        return all;
    }

    /// The value as templates see it; the collections are copied.
    private static Object pythonic(Object value) {
        return switch (value) {
            case null -> null;
            case String text -> text;
            case Boolean bool -> bool;
            case BigInteger number -> number;
            case Double number -> number;
            case Integer number -> Numbers.of(number);
            case Long number -> Numbers.of(number);
            case Float number -> number.doubleValue();
            case BigDecimal number -> number.doubleValue();
            case List<?> list -> {
                List<Object> items = new ArrayList<>();
                list.forEach(item -> items.add(pythonic(item)));
                yield items;
            }
            case Map<?, ?> map -> {
                Map<Object, Object> dict = new LinkedHashMap<>();
                map.forEach((key, item) -> dict.put(pythonic(key), pythonic(item)));
                yield dict;
            }
            default ->
                throw new IllegalArgumentException("a template cannot read a %s; expected text, numbers, lists and maps"
                        .formatted(value.getClass().getName()));
        };
    }

    private static Object range(Interpreter interpreter, Arguments arguments) {
        int count = arguments.positional().size();
        Bound bound = count == 1 ? arguments.bind("stop") : arguments.bind("start", "stop", "step=");
        return new Range(bound.integer("start", 0), bound.integer("stop", 0), bound.integer("step", 1));
    }

    private static Object dict(Interpreter interpreter, Arguments arguments) {
        Map<Object, Object> dict = new LinkedHashMap<>();
        if (arguments.positional().size() > 1) {
            throw PythonError.type("dict expected at most 1 argument");
        }
        for (Object source : arguments.positional()) {
            if (source instanceof Map<?, ?> other) {
                other.forEach((key, value) -> Python.put(dict, key, value));
            } else {
                Python.items(source).forEach(pair -> putPair(dict, pair));
            }
        }
        dict.putAll(arguments.named());
        return dict;
    }

    private static void putPair(Map<Object, Object> dict, Object pair) {
        List<Object> parts = Python.items(pair);
        if (parts.size() != 2) {
            throw PythonError.value("a dict is made of pairs; one has %d elements".formatted(parts.size()));
        }
        Python.put(dict, parts.get(0), parts.get(1));
    }

    private static Object namespace(Interpreter interpreter, Arguments arguments) {
        Namespace namespace = new Namespace();
        Map<?, ?> values = (Map<?, ?>) dict(interpreter, arguments);
        values.forEach((name, value) -> namespace.set(Python.str(name), value));
        return namespace;
    }

    private static Object joiner(Interpreter interpreter, Arguments arguments) {
        String separator = arguments.bind("sep=").text("sep", ", ");
        boolean[] used = new boolean[1];
        return (Callable) (_, none) -> {
            none.requireNone();
            String text = used[0] ? separator : "";
            used[0] = true;
            return text;
        };
    }

    /// `dict(…)` and `dict.fromkeys(…)`
    private record Dict() implements Callable, Attributes {
        @Override
        public Object call(Interpreter interpreter, Arguments arguments) {
            return dict(interpreter, arguments);
        }

        @Override
        public Object attribute(String name) {
            return name.equals("fromkeys") ? (Callable) (_, arguments) -> fromKeys(arguments) : Python.MISSING;
        }

        private static Object fromKeys(Arguments arguments) {
            Bound bound = arguments.bind("iterable", "value=");
            Map<Object, Object> dict = new LinkedHashMap<>();
            Python.items(bound.get("iterable")).forEach(key -> Python.put(dict, key, bound.get("value")));
            return dict;
        }
    }

    /// `cycler(…)`: one after the other, round and round.
    private static final class Cycler implements Attributes {
        private final List<Object> choices;
        private int at;

        Cycler(List<Object> choices) {
            if (choices.isEmpty()) {
                throw PythonError.type("at least one item has to be provided");
            }
            this.choices = choices;
        }

        @Override
        public Object attribute(String name) {
            return switch (name) {
                case "current" -> choices.get(at);
                case "next" ->
                    (Callable) (_, _) -> {
                        Object current = choices.get(at);
                        at = (at + 1) % choices.size();
                        return current;
                    };
                case "reset" ->
                    (Callable) (_, _) -> {
                        at = 0;
                        return null;
                    };
                default -> Python.MISSING;
            };
        }
    }
}
