package dev.graft.tokenizer.jinja;

import java.util.HashMap;
import java.util.Map;

/// The variables of a block, before those of the blocks around it.
final class Scope {
    private final Map<String, Object> variables;
    private final Scope outer;

    private Scope(Map<String, Object> variables, Scope outer) {
        this.variables = variables;
        this.outer = outer;
    }

    static Scope outermost(Map<String, Object> variables) {
        return new Scope(new HashMap<>(variables), null);
    }

    Scope inner() {
        return new Scope(new HashMap<>(), this);
    }

    void set(String name, Object value) {
        variables.put(name, value);
    }

    Object get(String name) {
        for (Scope scope = this; scope != null; scope = scope.outer) {
            Object value = scope.variables.get(name);
            if (value != null || scope.variables.containsKey(name)) {
                return value;
            }
        }
        return Undefined.variable(name);
    }
}
