package dev.graft.model;

import dev.graft.kernel.Kernels.Ranges;
import dev.graft.nn.KvCache;
import dev.graft.nn.RotaryTable;
import dev.graft.nn.Rotation;
import dev.graft.nn.TokenRun;
import dev.graft.tensor.Device;
import dev.graft.tensor.Tensor;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/// What the layers share while one run of tokens goes through a model, made once before the first.
final class Pass {
    private final TokenRun run;
    private final Map<Rotation, RotaryTable.CosSin> turns = new HashMap<>();
    private final Map<OptionalInt, Ranges> ranges = new HashMap<>();
    private final Optional<Tensor> slots;

    Pass(TokenRun run, Map<Rotation, RotaryTable> rotations, Device device) {
        this.run = run;
        int[] lengths = run.lengths();
        rotations.forEach((rotation, table) -> turns.put(rotation, table.at(run.positions(), lengths)));
        this.slots = run.cached().map(cached -> Tensor.of(cached.slots()).to(device));
    }

    /// Cosines and sines of each token's position.
    RotaryTable.CosSin turn(Rotation rotation) {
        return turns.get(rotation);
    }

    /// The keys each token may see, at most the last `window` of them.
    Ranges ranges(OptionalInt window) {
        return ranges.computeIfAbsent(window, w -> w.isPresent() ? run.ranges().last(w.getAsInt()) : run.ranges());
    }

    boolean isCached() {
        return slots.isPresent();
    }

    /// Puts keys and values of this run's tokens into the cache and gives back all of them.
    ///
    /// @param k `[keyHeads, tokens, headDim]`
    KvCache.KeysAndValues cached(int layer, Tensor k, Tensor v) {
        return run.cached().orElseThrow().cache().put(layer, k, v, slots.orElseThrow());
    }
}
