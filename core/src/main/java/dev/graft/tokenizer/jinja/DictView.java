package dev.graft.tokenizer.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// What `keys()`, `values()` and `items()` of a dictionary return.
record DictView(String name, Map<Object, Object> dict) {

    List<Object> items() {
        return switch (name) {
            case "keys" -> new ArrayList<>(dict.keySet());
            case "values" -> new ArrayList<>(dict.values());
            default -> {
                List<Object> pairs = new ArrayList<>();
                dict.forEach((key, value) -> pairs.add(Tuple.of(key, value)));
                yield pairs;
            }
        };
    }
}
