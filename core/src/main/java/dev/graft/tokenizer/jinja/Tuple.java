package dev.graft.tokenizer.jinja;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/// A Python tuple.
///
/// @param names  names of its first elements, for the groups of `groupby`; empty for others
record Tuple(List<Object> items, List<String> names) {

    Tuple(List<Object> items) {
        this(items, List.of());
    }

    Tuple {
        items = Collections.unmodifiableList(new ArrayList<>(items));
    }

    static Tuple of(Object... items) {
        return new Tuple(Arrays.asList(items));
    }
}
