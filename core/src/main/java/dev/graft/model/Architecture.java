package dev.graft.model;

import dev.graft.nn.LinearFactory;
import dev.graft.nn.NamedTensors;
import java.util.List;
import java.util.Map;

/// A family of models: which `model_type` names it, what tensors its files hold, and how to build it.
public interface Architecture {
    /// Value of `model_type` in `config.json`.
    String modelType();

    /// Every tensor of the model and its shape, in the order of the layers. A tied head is not listed.
    ///
    /// @throws dev.graft.format.FormatException for a configuration this family cannot run
    Map<String, long[]> tensors(ModelConfig config);

    /// Names of the linear layers that adapters may wrap (without `.weight`), the output embedding left out.
    List<String> linearLayers(ModelConfig config);

    /// Builds the model.
    ///
    /// @param close run when the model is closed; closes the source
    LanguageModel build(ModelConfig config, NamedTensors source, LinearFactory factory, Runnable close);
}
