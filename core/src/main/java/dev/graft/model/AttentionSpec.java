package dev.graft.model;

import dev.graft.kernel.Kernels.Scoring;
import dev.graft.nn.LinearFactory;
import dev.graft.nn.NamedTensors;
import dev.graft.nn.Rotation;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Stream;

/// Self-attention of one block.
///
/// @param layer         number of the block, which is its place in the cache
/// @param queryKeyValue three projections, or one that holds queries, keys and values in this order
/// @param queryNorm     of each head of the queries, before they are turned
/// @param rotation      how queries and keys are turned by their position; empty where positions enter
///                      elsewhere
/// @param window        how many of the last keys a token sees, itself included; empty for all
/// @param scoring       from products of queries and keys to what the softmax sees
record AttentionSpec(
        int layer,
        Heads heads,
        List<LinearSpec> queryKeyValue,
        LinearSpec output,
        Optional<LayerSpec> queryNorm,
        Optional<LayerSpec> keyNorm,
        Optional<Rotation> rotation,
        OptionalInt window,
        Scoring scoring)
        implements LayerSpec {
    /// @param queries number of query heads
    /// @param keys    number of key and value heads, each shared by as many query heads
    /// @param width   of one head
    record Heads(int queries, int keys, int width) {
        int queryWidth() {
            return queries * width;
        }

        int keyWidth() {
            return keys * width;
        }
    }

    @Override
    public List<Part> parts() {
        List<Part> parts = new ArrayList<>(queryKeyValue);
        parts.add(output);
        Stream.concat(queryNorm.stream(), keyNorm.stream()).forEach(norm -> parts.addAll(norm.parts()));
        return parts;
    }

    @Override
    public Layer build(NamedTensors source, LinearFactory factory) {
        return new SelfAttention(this, source, factory);
    }
}
