package dev.graft.peft;

import java.util.List;
import java.util.regex.Matcher;

/// Which layers are adapted: `target_modules`, `exclude_modules`, `layers_to_transform`, `layers_pattern` and
/// `target_parameters`.
///
/// @param targets    `target_modules`
/// @param excluded   `exclude_modules`, looked at first
/// @param layers     `layers_to_transform`: numbers of the layers that are adapted; empty for all
/// @param patterns   `layers_pattern`: what the list of layers is called, as regular expressions; empty
///                   for any name
/// @param parameters `target_parameters`: ends of names of matrices, mostly those in which Transformers
///                   stacks experts (`mlp.experts.gate_up_proj`); as in PEFT, nothing of the above
///                   restricts them
public record Selection(
        Targets targets, Targets excluded, List<Integer> layers, List<String> patterns, List<String> parameters) {
    public Selection {
        parameters = List.copyOf(parameters);
        if (parameters.stream().anyMatch(String::isBlank)) {
            throw new IllegalArgumentException("target_parameters holds a blank name; leave it out: " + parameters);
        }
        layers = List.copyOf(layers);
        patterns = List.copyOf(patterns);
        boolean none = targets instanceof Targets.None
                || targets instanceof Targets.Names names && names.names().isEmpty();
        if (none && parameters.isEmpty()) {
            throw new IllegalArgumentException("target_modules names no layer; name some, or say \"all-linear\"");
        }
        if (excluded instanceof Targets.AllLinear) {
            throw new IllegalArgumentException("exclude_modules is \"all-linear\"; expected a list or an expression");
        }
        if (!none && !(targets instanceof Targets.Names)) {
            requireNone("layers_to_transform", layers);
            requireNone("layers_pattern", patterns);
        }
        if (!patterns.isEmpty() && layers.isEmpty()) {
            throw new IllegalArgumentException(
                    "layers_pattern is %s without layers_to_transform, which says which of those layers"
                            .formatted(patterns));
        }
        layers.stream().filter(layer -> layer < 0).findFirst().ifPresent(layer -> {
            throw new IllegalArgumentException("layers_to_transform holds %d; layers count from 0".formatted(layer));
        });
        patterns.forEach(PythonRegex::translate);
    }

    /// Without `target_parameters`.
    public Selection(Targets targets, Targets excluded, List<Integer> layers, List<String> patterns) {
        this(targets, excluded, layers, patterns, List.of());
    }

    /// The same and some `target_parameters`.
    public Selection withParameters(String... names) {
        return new Selection(targets, excluded, layers, patterns, List.of(names));
    }

    private static void requireNone(String setting, List<?> values) {
        if (!values.isEmpty()) {
            throw new IllegalArgumentException(
                    "%s is %s, which PEFT takes with a list of target_modules only; name the layers in a list, such as [q_proj, v_proj]"
                            .formatted(setting, values));
        }
    }

    /// All layers of some names.
    static Selection of(Targets targets) {
        return new Selection(targets, Targets.none(), List.of(), List.of());
    }

    Selection withExcluded(Targets without) {
        return new Selection(targets, without, layers, patterns, parameters);
    }

    /// Whether a parameter of this full name is among `target_parameters`.
    boolean takesParameter(String parameter) {
        return parameters.stream().anyMatch(name -> parameter.equals(name) || parameter.endsWith("." + name));
    }

    boolean excludes(String module) {
        return excluded.matches(module);
    }

    /// Whether the module is meant, [#excludes] and modules trained whole left aside.
    boolean matches(String module) {
        if (!(targets instanceof Targets.Names names) || names.names().contains(module) || layers.isEmpty()) {
            return targets.matches(module);
        }
        return targets.matches(module) && layers.contains(layerOf(module));
    }

    /// Number of the layer a module lies in: the first number of its name, so not that of an expert; -1
    /// for none.
    private int layerOf(String module) {
        if (patterns.isEmpty()) {
            return number(".*?\\.[^.]*\\.(?P<idx>\\d+)\\.", module);
        }
        for (String pattern : patterns) {
            int layer = number("(?:^|.*?\\.)" + pattern + "\\.(?P<idx>\\d+)\\.", module);
            if (layer >= 0) {
                return layer;
            }
        }
        return -1;
    }

    private static int number(String regex, String module) {
        Matcher matcher = PythonRegex.compile(regex).matcher(module);
        // the number is the last group: a pattern may bring groups of its own
        return matcher.lookingAt() ? Integer.parseInt(matcher.group(matcher.groupCount())) : -1;
    }
}
