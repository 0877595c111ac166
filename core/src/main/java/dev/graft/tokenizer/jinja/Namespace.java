package dev.graft.tokenizer.jinja;

import java.util.LinkedHashMap;
import java.util.Map;

/// `namespace(…)`: variables that an inner scope can change.
record Namespace(Map<String, Object> values) implements Attributes {

    Namespace() {
        this(new LinkedHashMap<>());
    }

    @Override
    public Object attribute(String name) {
        return values.containsKey(name) ? values.get(name) : Python.MISSING;
    }

    void set(String name, Object value) {
        if (name.startsWith("_")) {
            throw PythonError.other(
                    "chat templates cannot store \"%s\" in a namespace; names with an underscore first are reserved"
                            .formatted(name));
        }
        values.put(name, value);
    }
}
