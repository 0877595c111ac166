package dev.graft.quant;

import dev.graft.autograd.PackedWeight;
import dev.graft.nn.ForwardingFactory;
import dev.graft.nn.LinearFactory;
import dev.graft.nn.NamedTensors;
import dev.graft.tensor.DType;
import dev.graft.tensor.Packed;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Scratch;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/// A factory that packs some weights itself: they share the memory they are unpacked into, and are closed
/// with it.
abstract class PackingFactory extends ForwardingFactory {
    private final Scratch scratch = new Scratch();
    private final List<PackedWeight> made = new ArrayList<>();

    PackingFactory(LinearFactory base) {
        super(base);
    }

    /// A weight of this factory. Nothing but what is packed stays in memory.
    ///
    /// @param tensor      its name, for what is wrong with its values
    /// @param productType type of its own products
    final PackedWeight packed(String tensor, NamedTensors source, DType productType, Supplier<Packed> pack) {
        try (Scope scope = Scope.open()) {
            var weight = new PackedWeight(pack.get(), source.computeType(), productType, source.device(), scratch);
            made.add(weight);
            return weight;
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(tensor + ": " + e.getMessage(), e);
        }
    }

    /// Bytes of all weights packed so far.
    public final long bytes() {
        return made.stream().mapToLong(weight -> weight.packed().bytes()).sum();
    }

    @Override
    public void close() {
        super.close();
        made.forEach(PackedWeight::close);
        made.clear();
        scratch.close();
    }
}
