package dev.graft.model;

import java.util.List;
import java.util.Map;

/// A family of models: which `model_type` names it, and how its configuration describes a decoder.
public interface Architecture {
    /// Value of `model_type` in `config.json`.
    String modelType();

    /// What a configuration of this family describes.
    ///
    /// @throws dev.graft.format.FormatException for a configuration this family cannot run
    DecoderSpec decoder(ModelConfig config);

    /// Every tensor of the model and its shape, in the order of the layers. A tied head is not listed.
    default Map<String, long[]> tensors(ModelConfig config) {
        return decoder(config).shapes();
    }

    /// What the model's attention is like, in words for people.
    default String attention(ModelConfig config) {
        return decoder(config).attention();
    }

    /// Whether the output embedding is the input embedding.
    default boolean isTied(ModelConfig config) {
        return decoder(config).head().isEmpty();
    }

    /// Names of the linear layers that adapters may wrap (without `.weight`), the output embedding left out.
    default List<String> linearLayers(ModelConfig config) {
        return decoder(config).linearLayers();
    }
}
