package dev.graft.tokenizer.jinja;

import java.util.HashMap;
import java.util.Map;
import java.util.TreeSet;

/// The filters by name.
final class Filters {

    /// `value | filter(arguments)`
    interface Filter {
        Object apply(Interpreter interpreter, Object value, Arguments arguments);
    }

    private static final Map<String, Filter> ALL = new HashMap<>();

    static {
        ALL.putAll(TextFilters.ALL);
        ALL.putAll(SequenceFilters.ALL);
        ALL.putAll(PageFilters.ALL);
    }

    private Filters() {}

    static boolean isKnown(String name) {
        return ALL.containsKey(name);
    }

    static String unknown(String name) {
        return "there is no filter '%s'; the filters are %s"
                .formatted(name, String.join(", ", new TreeSet<>(ALL.keySet())));
    }

    static Filter named(String name) {
        if (!isKnown(name)) {
            throw PythonError.other(unknown(name));
        }
        return ALL.get(name);
    }
}
