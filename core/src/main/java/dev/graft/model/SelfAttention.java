package dev.graft.model;

import dev.graft.autograd.Attention;
import dev.graft.autograd.Operations;
import dev.graft.autograd.Tape;
import dev.graft.autograd.Value;
import dev.graft.model.AttentionSpec.Heads;
import dev.graft.nn.KvCache;
import dev.graft.nn.LinearFactory;
import dev.graft.nn.LinearLayer;
import dev.graft.nn.NamedTensors;
import dev.graft.nn.RotaryTable;
import java.util.List;
import java.util.Optional;

/// Attention of the tokens of a run to those before them, in the run or in a cache.
final class SelfAttention implements Layer {
    private final AttentionSpec spec;
    private final List<LinearLayer> queryKeyValue;
    private final LinearLayer output;
    private final Optional<Layer> queryNorm;
    private final Optional<Layer> keyNorm;

    SelfAttention(AttentionSpec spec, NamedTensors source, LinearFactory factory) {
        this.spec = spec;
        this.queryKeyValue = spec.queryKeyValue().stream()
                .map(linear -> linear.build(source, factory))
                .toList();
        this.output = spec.output().build(source, factory);
        this.queryNorm = spec.queryNorm().map(norm -> norm.build(source, factory));
        this.keyNorm = spec.keyNorm().map(norm -> norm.build(source, factory));
    }

    @Override
    public Value forward(Tape tape, Value x, Pass pass) {
        Heads heads = spec.heads();
        List<Value> projected = LinearLayer.forwardAll(tape, x, queryKeyValue);
        if (projected.size() == 1) {
            projected = Operations.split(
                    tape, projected.getFirst(), List.of(heads.queryWidth(), heads.keyWidth(), heads.keyWidth()));
        }
        Value q = turned(tape, normed(tape, projected.get(0), queryNorm, pass), heads.queries(), pass);
        Value k = turned(tape, normed(tape, projected.get(1), keyNorm, pass), heads.keys(), pass);
        Value v = Operations.splitHeads(tape, projected.get(2), heads.keys());
        if (pass.isCached()) {
            if (k.wantsGradient() || v.wantsGradient()) {
                throw new IllegalStateException(
                        "gradients do not pass through a cache; run it with a silent tape, or without the cache");
            }
            KvCache.KeysAndValues all = pass.cached(spec.layer(), k.data(), v.data());
            k = tape.constant(all.keys());
            v = tape.constant(all.values());
        }
        return output.forward(tape, Attention.apply(tape, q, k, v, pass.ranges(spec.window()), spec.scoring()));
    }

    private static Value normed(Tape tape, Value heads, Optional<Layer> norm, Pass pass) {
        return norm.isPresent() ? norm.get().forward(tape, heads, pass) : heads;
    }

    private Value turned(Tape tape, Value joined, int heads, Pass pass) {
        if (spec.rotation().isEmpty()) {
            return Operations.splitHeads(tape, joined, heads);
        }
        RotaryTable.CosSin turn = pass.turn(spec.rotation().get());
        return Operations.rope(tape, joined, heads, turn.cos(), turn.sin());
    }
}
