package dev.graft.peft;

import java.util.List;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/// Which linear layers get an adapter, by PEFT's rules for `target_modules` and `exclude_modules`.
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
        }

        @Override
        public boolean matches(String module) {
            return names.stream().anyMatch(name -> module.equals(name) || module.endsWith("." + name));
        }
    }

    /// Layers whose full name matches a regular expression from beginning to end.
    record Regex(String pattern) implements Targets {
        public Regex {
            try {
                Pattern.compile(pattern);
            } catch (PatternSyntaxException e) {
                throw new IllegalArgumentException(
                        "target_modules \"%s\" is no regular expression: %s".formatted(pattern, e.getDescription()), e);
            }
        }

        @Override
        public boolean matches(String module) {
            return module.matches(pattern);
        }
    }

    /// No layer; for `exclude_modules` that are not set.
    record None() implements Targets {
        @Override
        public boolean matches(String module) {
            return false;
        }
    }

    static Targets allLinear() {
        return new AllLinear();
    }

    static Targets names(String... names) {
        return new Names(List.of(names));
    }

    static Targets none() {
        return new None();
    }

    /// The attention projections of Llama-like models.
    static Targets attention() {
        return names("q_proj", "k_proj", "v_proj", "o_proj");
    }
}
