package dev.graft.tokenizer.jinja;

import dev.graft.tokenizer.jinja.Arguments.Bound;
import dev.graft.tokenizer.jinja.Filters.Filter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Predicate;

/// Filters over the elements of a list, a dictionary or anything else that can be gone through.
final class SequenceFilters {

    static final Map<String, Filter> ALL = Map.ofEntries(
            entry("length", (value, a) -> length(value, a)),
            entry("count", (value, a) -> length(value, a)),
            entry("list", (value, a) -> {
                a.requireNone();
                return Python.items(value);
            }),
            entry("first", (value, a) -> {
                a.requireNone();
                var values = Python.iterate(value);
                return values.hasNext() ? values.next() : new Undefined("No first item, sequence was empty.");
            }),
            entry("last", (value, a) -> last(value, a)),
            entry("items", (value, a) -> items(value, a)),
            entry("join", (value, a) -> join(value, a)),
            entry("reverse", (value, a) -> reverse(value, a)),
            entry("sort", (value, a) -> sort(value, a)),
            entry("dictsort", (value, a) -> dictSort(value, a)),
            entry("unique", (value, a) -> unique(value, a)),
            entry("min", (value, a) -> extreme(value, a, false)),
            entry("max", (value, a) -> extreme(value, a, true)),
            entry("sum", (value, a) -> sum(value, a)),
            entry("groupby", (value, a) -> groupBy(value, a)),
            entry("batch", (value, a) -> batch(value, a)),
            entry("slice", (value, a) -> slice(value, a)),
            Map.entry("map", SequenceFilters::map),
            entry("select", (value, a) -> chosen(value, a, false, true)),
            entry("reject", (value, a) -> chosen(value, a, false, false)),
            entry("selectattr", (value, a) -> chosen(value, a, true, true)),
            entry("rejectattr", (value, a) -> chosen(value, a, true, false)));

    private interface Plain {
        Object apply(Object value, Arguments arguments);
    }

    private SequenceFilters() {}

    private static Map.Entry<String, Filter> entry(String name, Plain filter) {
        return Map.entry(name, (_, value, arguments) -> filter.apply(Markup.plain(value), arguments));
    }

    private static Object length(Object value, Arguments arguments) {
        arguments.requireNone();
        return Numbers.of(Python.length(value));
    }

    private static Object last(Object value, Arguments arguments) {
        arguments.requireNone();
        requireReversible(value);
        List<Object> items = Python.items(value);
        return items.isEmpty() ? new Undefined("No last item, sequence was empty.") : items.getLast();
    }

    private static void requireReversible(Object value) {
        if (value instanceof Lazy) {
            throw PythonError.type("'generator' object is not reversible");
        }
    }

    private static Object items(Object value, Arguments arguments) {
        arguments.requireNone();
        return switch (value) {
            case Undefined _ -> Lazy.of(List.of());
            case Map<?, ?> dict -> {
                List<Object> pairs = new ArrayList<>();
                dict.forEach((key, item) -> pairs.add(Tuple.of(key, item)));
                yield Lazy.of(pairs);
            }
            case null, default -> throw PythonError.type("Can only get item pairs from a mapping.");
        };
    }

    private static Object join(Object value, Arguments arguments) {
        Bound bound = arguments.bind("d=", "attribute=");
        Function<Object, Object> part = attribute(bound.get("attribute"), null);
        String separator = Python.str(bound.get("d", ""));
        StringBuilder text = new StringBuilder();
        boolean first = true;
        for (Object item : Python.items(value)) {
            text.append(first ? "" : separator).append(Python.str(part.apply(item)));
            Interpreter.requireBounded(text.length());
            first = false;
        }
        return text.toString();
    }

    private static Object reverse(Object value, Arguments arguments) {
        arguments.requireNone();
        List<Object> items = Python.items(value);
        Collections.reverse(items);
        return value instanceof String
                ? String.join("", items.stream().map(Python::str).toList())
                : Lazy.of(items);
    }

    /// What filters compare: an attribute of each item, in lower case unless case matters.
    private static Function<Object, Object> key(Bound bound) {
        Function<Object, Object> attribute = attribute(bound.get("attribute"), null);
        boolean exact = bound.flag("case_sensitive");
        return item -> cased(attribute.apply(item), exact);
    }

    private static Object cased(Object value, boolean exact) {
        return !exact && value instanceof String text ? Text.lower(text) : value;
    }

    private static Comparator<Object> order(boolean reverse) {
        Comparator<Object> order = (a, b) -> Python.compare("<", a, b);
        return reverse ? order.reversed() : order;
    }

    private static List<Object> sorted(List<Object> items, Function<Object, Object> key, boolean reverse) {
        record Keyed(Object key, Object item) {}
        List<Keyed> sorted = new ArrayList<>();
        items.forEach(item -> sorted.add(new Keyed(key.apply(item), item)));
        try {
            sorted.sort(Comparator.comparing(Keyed::key, order(reverse)));
        } catch (IllegalArgumentException e) { // values such as NaN have no order
            throw PythonError.value("the values have no order");
        }
        List<Object> result = new ArrayList<>();
        sorted.forEach(one -> result.add(one.item));
        return result;
    }

    private static Object sort(Object value, Arguments arguments) {
        Bound bound = arguments.bind("reverse=", "case_sensitive=", "attribute=");
        boolean exact = bound.flag("case_sensitive");
        List<Function<Object, Object>> parts = new ArrayList<>();
        if (bound.get("attribute") instanceof String names) {
            for (String name : names.split(",", -1)) {
                parts.add(attribute(name, null));
            }
        } else {
            parts.add(attribute(bound.get("attribute"), null));
        }
        Function<Object, Object> keys = item -> { // a list, in which what is equal need have no order
            List<Object> all = new ArrayList<>();
            parts.forEach(part -> all.add(cased(part.apply(item), exact)));
            return all;
        };
        return sorted(Python.items(value), keys, bound.flag("reverse"));
    }

    private static Object dictSort(Object value, Arguments arguments) {
        Bound bound = arguments.bind("case_sensitive=", "by=", "reverse=");
        String by = bound.text("by", "key");
        if (!by.equals("key") && !by.equals("value")) {
            throw PythonError.other("You can only sort by either \"key\" or \"value\"");
        }
        if (!(value instanceof Map<?, ?> dict)) {
            throw PythonError.type("dictsort needs a dict, not " + Python.typeName(value));
        }
        int place = by.equals("key") ? 0 : 1;
        boolean exact = bound.flag("case_sensitive");
        List<Object> pairs = new ArrayList<>();
        dict.forEach((key, item) -> pairs.add(Tuple.of(key, item)));
        return sorted(pairs, pair -> cased(((Tuple) pair).items().get(place), exact), bound.flag("reverse"));
    }

    private static Object unique(Object value, Arguments arguments) {
        Function<Object, Object> key = key(arguments.bind("case_sensitive=", "attribute="));
        Map<Object, Object> seen = new LinkedHashMap<>();
        List<Object> kept = new ArrayList<>();
        for (Object item : Python.items(value)) {
            Object found = key.apply(item);
            if (Python.lookup(seen, found) == Python.MISSING) {
                Python.put(seen, found, true);
                kept.add(item);
            }
        }
        return Lazy.of(kept);
    }

    private static Object extreme(Object value, Arguments arguments, boolean greatest) {
        Function<Object, Object> key = key(arguments.bind("case_sensitive=", "attribute="));
        List<Object> items = Python.items(value);
        if (items.isEmpty()) {
            return new Undefined("No aggregated item, sequence was empty.");
        }
        Object best = items.getFirst();
        for (Object item : items.subList(1, items.size())) {
            int order = Python.compare(greatest ? ">" : "<", key.apply(item), key.apply(best));
            best = greatest ? (order > 0 ? item : best) : (order < 0 ? item : best);
        }
        return best;
    }

    private static Object sum(Object value, Arguments arguments) {
        Bound bound = arguments.bind("attribute=", "start=");
        Function<Object, Object> part = attribute(bound.get("attribute"), null);
        Object sum = bound.get("start", Numbers.of(0));
        if (sum instanceof String) {
            throw PythonError.type("sum() can't sum strings");
        }
        for (Object item : Python.items(value)) {
            sum = Operators.binary("+", sum, part.apply(item));
        }
        return sum;
    }

    private static Object groupBy(Object value, Arguments arguments) {
        Bound bound = arguments.bind("attribute", "default=", "case_sensitive=");
        Function<Object, Object> attribute = attribute(bound.get("attribute"), bound.get("default"));
        Function<Object, Object> key = item -> cased(attribute.apply(item), bound.flag("case_sensitive"));
        List<Object> groups = new ArrayList<>();
        List<Object> members = new ArrayList<>();
        Object current = Python.MISSING;
        for (Object item : sorted(Python.items(value), key, false)) {
            Object found = key.apply(item);
            if (current == Python.MISSING || !Python.equal(found, current)) {
                members = new ArrayList<>();
                Object name = attribute.apply(item); // spelled as in the first member of the group
                groups.add(new Tuple(Arrays.asList(name, members), List.of("grouper", "list")));
                current = found;
            }
            members.add(item);
        }
        return groups;
    }

    private static Object batch(Object value, Arguments arguments) {
        Bound bound = arguments.bind("linecount", "fill_with=");
        int size = bound.integer("linecount", 1);
        List<Object> batches = new ArrayList<>();
        List<Object> batch = new ArrayList<>();
        for (Object item : Python.items(value)) {
            if (batch.size() == size) {
                batches.add(batch);
                batch = new ArrayList<>();
            }
            batch.add(item);
        }
        if (!batch.isEmpty()) {
            Interpreter.requireFew(size);
            while (bound.get("fill_with") != null && batch.size() < size) {
                batch.add(bound.get("fill_with"));
            }
            batches.add(batch);
        }
        return Lazy.of(batches);
    }

    private static Object slice(Object value, Arguments arguments) {
        Bound bound = arguments.bind("slices", "fill_with=");
        int count = bound.integer("slices", 1);
        List<Object> items = Python.items(value);
        if (count == 0) {
            throw PythonError.other("integer division or modulo by zero");
        }
        Interpreter.requireFew(count);
        int each = Math.floorDiv(items.size(), count);
        int longer = Math.floorMod(items.size(), count);
        List<Object> slices = new ArrayList<>();
        for (int i = 0, from = 0; i < count; i++) {
            int to = from + each + (i < longer ? 1 : 0);
            List<Object> part = new ArrayList<>(items.subList(from, to));
            if (bound.get("fill_with") != null && i >= longer) {
                part.add(bound.get("fill_with"));
            }
            slices.add(part);
            from = to;
        }
        return Lazy.of(slices);
    }

    private static Object map(Interpreter interpreter, Object marked, Arguments arguments) {
        Object value = Markup.plain(marked);
        if (!Python.truth(value)) {
            return Lazy.of(List.of()); // whatever it is, and whatever the arguments
        }
        Function<Object, Object> change;
        if (arguments.positional().isEmpty() && arguments.named().containsKey("attribute")) {
            Bound bound = arguments.bind("*", "attribute", "default=");
            change = attribute(bound.get("attribute"), bound.get("default"));
        } else {
            if (arguments.positional().isEmpty() || !(arguments.positional().getFirst() instanceof String name)) {
                throw PythonError.other("map requires a filter argument");
            }
            Filter filter = Filters.named(name);
            Arguments rest = arguments.after(1);
            change = item -> filter.apply(interpreter, item, rest);
        }
        return Lazy.mapped(Python.iterate(value), item -> Markup.plain(change.apply(item)));
    }

    private static Object chosen(Object value, Arguments arguments, boolean byAttribute, boolean kept) {
        if (!Python.truth(value)) {
            return Lazy.of(List.of());
        }
        List<Object> positional = arguments.positional();
        if (byAttribute && positional.isEmpty()) {
            throw PythonError.other("Missing parameter for attribute name");
        }
        Function<Object, Object> part = byAttribute ? attribute(positional.getFirst(), null) : Function.identity();
        Arguments rest = byAttribute ? arguments.after(1) : arguments;
        Predicate<Object> test = Python::truth;
        if (!rest.positional().isEmpty()) {
            Tests.Test named = Tests.named(Python.str(rest.positional().getFirst()));
            Arguments ofTest = rest.after(1);
            test = item -> named.holds(item, ofTest);
        }
        Predicate<Object> wanted = test;
        return Lazy.filtered(Python.iterate(value), item -> wanted.test(part.apply(item)) == kept);
    }

    /// What reads an attribute of an item: `"name"`, `"a.b"`, `"0.x"` or a whole number; itself for None.
    private static Function<Object, Object> attribute(Object path, Object otherwise) {
        if (path == null) {
            return Function.identity();
        }
        List<Object> parts = new ArrayList<>();
        if (path instanceof String text) {
            for (String part : text.split("\\.", -1)) {
                parts.add(part.matches("\\d{1,9}") ? Numbers.of(Integer.parseInt(part)) : part);
            }
        } else {
            parts.add(path);
        }
        return item -> {
            Object value = item;
            for (Object part : parts) {
                value = Access.item(value, part);
                if (value instanceof Undefined && otherwise != null) {
                    value = otherwise;
                }
            }
            return value;
        };
    }
}
