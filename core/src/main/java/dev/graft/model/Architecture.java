package dev.graft.model;

import dev.graft.format.WeightFiles;
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

    /// Weight files under the names and in the pieces that [#decoder] describes, where other writers name or
    /// stack them otherwise. What a model does not need is left out; what nobody knows stays, for the
    /// error that names it.
    default WeightFiles published(WeightFiles files) {
        return files;
    }

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

    /// Whether every linear layer is a module of its own whose weight is stored `[out, in]`, as most are.
    default boolean storesLinearsPlainly(ModelConfig config) {
        return decoder(config).storesLinearsPlainly();
    }
}
