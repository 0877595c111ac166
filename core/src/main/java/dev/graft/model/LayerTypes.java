package dev.graft.model;

import java.util.List;
import java.util.OptionalInt;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;

/// Which layers see only the last tokens of a document, and how many.
///
/// @param sliding for each layer whether it does
/// @param window  how many tokens; empty where no layer does
record LayerTypes(List<Boolean> sliding, OptionalInt window) {
    static final String SLIDING = "sliding_attention";
    static final String FULL = "full_attention";
    static final List<String> NAMES = List.of(SLIDING, FULL);

    /// Every layer alike: `sliding_window` tokens, or all where it is null.
    static LayerTypes uniform(ModelConfig config, OptionalInt window) {
        LayerTypes types = read(config, window, layer -> window.isPresent());
        if (types.sliding.contains(window.isEmpty())) {
            String only = window.isPresent() ? SLIDING : FULL;
            throw config.wrong(
                    "layer_types", "one is " + (window.isPresent() ? FULL : SLIDING), only + " for every layer");
        }
        return types;
    }

    /// `layer_types`, or what older configurations meant without it.
    ///
    /// @param otherwise whether a layer slides where there are no `layer_types`
    static LayerTypes read(ModelConfig config, OptionalInt window, IntPredicate otherwise) {
        int layers = config.size("num_hidden_layers");
        List<String> names = config.texts("layer_types")
                .orElseGet(() -> IntStream.range(0, layers)
                        .mapToObj(layer -> otherwise.test(layer) ? SLIDING : FULL)
                        .toList());
        if (names.size() != layers) {
            throw config.wrong("layer_types", "it has %d entries".formatted(names.size()), layers + ", one a layer");
        }
        for (String name : names) {
            if (!NAMES.contains(name)) {
                throw config.wrong("layer_types", "one is \"" + name + "\"", String.join(" or ", NAMES));
            }
        }
        if (names.contains(SLIDING) && window.isEmpty()) {
            throw config.wrong("sliding_window", "there is none, and layers are " + SLIDING, "a number of tokens");
        }
        return new LayerTypes(names.stream().map(SLIDING::equals).toList(), window);
    }

    boolean isSliding(int layer) {
        return sliding.get(layer);
    }

    OptionalInt window(int layer) {
        return isSliding(layer) ? window : OptionalInt.empty();
    }
}
