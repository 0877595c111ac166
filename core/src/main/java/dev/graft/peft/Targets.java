package dev.graft.peft;

import java.util.List;

/// Which layers get an adapter, by PEFT's rules for `target_modules` and `exclude_modules`.
public sealed interface Targets {
    /// Whether the layer of this full dotted name is meant.
    boolean matches(String module);

    /// Every linear layer but the output embedding: `"all-linear"`.
    record AllLinear() implements Targets {
        @Override
        public boolean matches(String module) {
            return true;
        }
    }

    /// Layers whose full name is one of these or ends in a dot and one of these.
    record Names(List<String> names) implements Targets {
        public Names {
            names = List.copyOf(names);
            if (names.stream().anyMatch(String::isBlank)) {
                throw new IllegalArgumentException("a list of modules holds a blank name; leave it out: " + names);
            }
        }

        @Override
        public boolean matches(String module) {
            return names.stream().anyMatch(name -> module.equals(name) || module.endsWith("." + name));
        }
    }

    /// Layers whose full name matches a regular expression of Python's from beginning to end.
    record Regex(String pattern) implements Targets {
        public Regex {
            PythonRegex.translate(pattern);
        }

        @Override
        public boolean matches(String module) {
            return PythonRegex.compile(pattern).matcher(module).matches();
        }
    }

    /// No layer; for `exclude_modules` that are not set.
    record None() implements Targets {
        @Override
        public boolean matches(String module) {
            return false;
        }
    }

    /// `"all-linear"`: every linear layer but the output embedding.
    static Targets allLinear() {
        return new AllLinear();
    }

    /// Layers by their names or the ends of them, such as `q_proj`.
    static Targets names(String... names) {
        return new Names(List.of(names));
    }

    /// No layer.
    static Targets none() {
        return new None();
    }

    /// The attention projections of Llama-like models.
    static Targets attention() {
        return names("q_proj", "k_proj", "v_proj", "o_proj");
    }
}
