package dev.graft.tokenizer.jinja;

import dev.graft.tokenizer.jinja.Arguments.Bound;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// The methods of Python's `dict`, `list` and `tuple` that change nothing.
final class CollectionMethods {

    private CollectionMethods() {}

    static Object of(Map<?, ?> dict, String name) {
        return switch (name) {
            case "keys", "values", "items" ->
                (Callable) (_, arguments) -> {
                    arguments.requireNone();
                    return new DictView(name, new LinkedHashMap<>(dict));
                };
            case "get" ->
                (Callable) (_, arguments) -> {
                    Bound bound = arguments.bind("key", "default=");
                    Object value = Python.lookup(dict, bound.get("key"));
                    return value == Python.MISSING ? bound.get("default") : value;
                };
            case "copy" ->
                (Callable) (_, arguments) -> {
                    arguments.requireNone();
                    return new LinkedHashMap<Object, Object>(dict);
                };
            default -> Python.MISSING;
        };
    }

    static Object of(List<?> list, String name) {
        if (name.equals("copy") && !(list instanceof Range)) {
            return (Callable) (_, arguments) -> {
                arguments.requireNone();
                return new ArrayList<Object>(list);
            };
        }
        return list instanceof Range range && Python.MISSING != ofRange(range, name)
                ? ofRange(range, name)
                : ofItems(list, name);
    }

    private static Object ofRange(Range range, String name) {
        return switch (name) {
            case "start" -> Numbers.of(range.start());
            case "stop" -> Numbers.of(range.stop());
            case "step" -> Numbers.of(range.step());
            default -> Python.MISSING;
        };
    }

    static Object of(Tuple tuple, String name) {
        int named = tuple.names().indexOf(name);
        return named >= 0 ? tuple.items().get(named) : ofItems(tuple.items(), name);
    }

    private static Object ofItems(List<?> items, String name) {
        return switch (name) {
            case "count" ->
                (Callable) (_, arguments) -> {
                    Object sought = arguments.bind("value").get("value");
                    return Numbers.of(items.stream()
                            .filter(item -> Python.equal(item, sought))
                            .count());
                };
            case "index" -> (Callable) (_, arguments) -> index(items, arguments);
            default -> Python.MISSING;
        };
    }

    private static Object index(List<?> items, Arguments arguments) {
        Bound bound = arguments.bind("value", "start=", "stop=");
        Slice within = new Slice(bound.get("start"), bound.get("stop"), null);
        for (int place : within.places(items.size())) {
            if (Python.equal(items.get(place), bound.get("value"))) {
                return Numbers.of(place);
            }
        }
        throw PythonError.value("%s is not in the list".formatted(Python.repr(bound.get("value"))));
    }
}
