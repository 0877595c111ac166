package dev.graft.model;

import dev.graft.format.WeightFiles;
import java.util.List;
import java.util.Map;
import java.util.Set;

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

    /// Those of them that Transformers has as modules: all but the experts and routers, which are
    /// parameters there.
    default List<String> ownLinearLayers(ModelConfig config) {
        return decoder(config).ownLinearLayers();
    }

    /// Weights of linear layers that lie `[in, out]`, by their full names.
    default Set<String> transposed(ModelConfig config) {
        return decoder(config).transposed();
    }
}
