package dev.graft.tokenizer.jinja;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// The arguments of a call, evaluated.
///
/// @param callee  what is called, for errors
record Arguments(String callee, List<Object> positional, Map<String, Object> named) {

    static Arguments of(String callee, Object... positional) {
        return new Arguments(callee, Arrays.asList(positional), Map.of());
    }

    /// The values of the parameters in their order.
    ///
    /// @param signature  names of the parameters; `name=` is optional, `*` ends those that may be given by
    ///                   place
    Bound bind(String... signature) {
        Map<String, Object> values = new LinkedHashMap<>();
        int place = 0;
        boolean byPlace = true;
        Map<String, Object> rest = new LinkedHashMap<>(named);
        for (String parameter : signature) {
            if (parameter.equals("*")) {
                byPlace = false;
                continue;
            }
            boolean optional = parameter.endsWith("=");
            String name = optional ? parameter.substring(0, parameter.length() - 1) : parameter;
            boolean isNamed = rest.containsKey(name);
            if (byPlace && place < positional.size()) {
                if (isNamed) {
                    throw PythonError.type("%s got multiple values for argument '%s'".formatted(callee, name));
                }
                values.put(name, positional.get(place++));
            } else if (isNamed) {
                values.put(name, rest.remove(name));
            } else if (!optional) {
                throw PythonError.type("%s is missing the argument '%s'".formatted(callee, name));
            }
        }
        if (place < positional.size()) {
            throw PythonError.type("%s takes %d arguments; %d were given".formatted(callee, place, positional.size()));
        }
        if (!rest.isEmpty()) {
            throw PythonError.type("%s got an unexpected argument '%s'"
                    .formatted(callee, rest.keySet().iterator().next()));
        }
        return new Bound(callee, values);
    }

    void requireNone() {
        bind();
    }

    /// The same call without its first arguments.
    Arguments after(int count) {
        return new Arguments(
                callee,
                new ArrayList<>(positional.subList(Math.min(count, positional.size()), positional.size())),
                named);
    }

    /// Parameters with the values given to them.
    record Bound(String callee, Map<String, Object> values) {

        boolean has(String name) {
            return values.containsKey(name);
        }

        Object get(String name) {
            return values.get(name);
        }

        Object get(String name, Object otherwise) {
            return has(name) ? get(name) : otherwise;
        }

        boolean flag(String name) {
            return has(name) && Python.truth(get(name));
        }

        /// Empty for None and for what is not given is up to the caller: this one wants a string.
        String text(String name, String otherwise) {
            Object value = get(name, otherwise);
            if (value instanceof String text) {
                return text;
            }
            throw PythonError.type("%s: '%s' must be str, not %s".formatted(callee, name, Python.typeName(value)));
        }

        int integer(String name, int otherwise) {
            Object value = get(name, BigInteger.valueOf(otherwise));
            return Numbers.index(value)
                    .orElseThrow(() -> PythonError.type("%s: '%s' object cannot be interpreted as an integer"
                            .formatted(callee, Python.typeName(value))));
        }
    }
}
