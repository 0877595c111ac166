package dev.graft.quant;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Optional;

/// `quantization_config` of a model's `config.json`: what its linear layers are packed in, and which are not.
public sealed interface QuantizationConfig permits BitsAndBytesConfig, GraftConfig {
    /// The key in `config.json`.
    String KEY = "quantization_config";

    /// What linear layers are packed in.
    QuantFormat format();

    /// Modules left as they are, by the beginning or end of their name, or a regular expression for the
    /// beginning. Without a list that is the output embedding; with one, it is what the list says.
    Optional<List<String>> skipped();

    /// The object as it is written.
    ObjectNode json();

    /// Whether the layer of this name is left as it is.
    default boolean skips(String module) {
        return skipped()
                .map(keys -> keys.stream().anyMatch(key -> BitsAndBytesConfig.matches(key, module)))
                .orElseGet(() -> module.equals(BitsAndBytesConfig.HEAD));
    }

    /// The configuration of whoever has a layout for the format: bitsandbytes where it has one,
    /// otherwise Graft.
    ///
    /// @throws IllegalArgumentException for formats that nobody stores models in
    static QuantizationConfig of(QuantFormat format, Optional<List<String>> skipped) {
        return GraftLayout.has(format) ? new GraftConfig(format, skipped) : new BitsAndBytesConfig(format, skipped);
    }
}
