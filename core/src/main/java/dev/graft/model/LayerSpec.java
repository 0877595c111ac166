package dev.graft.model;

import dev.graft.nn.LinearFactory;
import dev.graft.nn.NamedTensors;
import java.util.List;

/// A layer as it is described before it is built: what it stores, and how to make it.
interface LayerSpec {
    /// What it stores, in the order in which [#build] asks for it.
    List<Part> parts();

    /// Makes the layer.
    Layer build(NamedTensors source, LinearFactory factory);
}
