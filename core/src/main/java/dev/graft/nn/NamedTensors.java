package dev.graft.nn;

import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Packed;
import dev.graft.tensor.Tensor;
import java.util.Optional;

/// Where a model's weights come from while it is built: files, or random numbers.
public interface NamedTensors {
    /// Whether there is a tensor of this full name.
    boolean has(String name);

    /// Shape of a tensor, without loading it.
    long[] shape(String name);

    /// The tensor as it is stored; belongs to the current scope, its memory to the source.
    Tensor stored(String name);

    /// How the linear layer of this name lies here and in adapters.
    default LinearLayout layout(String layer) {
        return LinearLayout.PLAIN;
    }

    /// `[out, in]` of a linear layer, whichever way its weight is stored.
    default long[] linearShape(String layer) {
        long[] stored = shape(layer + ".weight");
        return layout(layer).transposed() ? new long[] {stored[1], stored[0]} : stored;
    }

    /// The tensor as its source packs it, where it does; the caller closes it before the source. Of a
    /// linear layer it is `[out, in]`, whatever the [#layout] says of unpacked ones.
    default Optional<Packed> packed(String name) {
        return Optional.empty();
    }

    /// Says that nobody needs a tensor of this source for now, such as one that has been packed: what is in
    /// memory only because its file is mapped may go, and comes back when it is touched again.
    default void unload(String name) {}

    /// Whether the source packs the tensor.
    default boolean isPacked(String name) {
        Optional<Packed> packed = packed(name);
        packed.ifPresent(Packed::close);
        return packed.isPresent();
    }

    /// Type in which layers compute.
    DType computeType();

    /// Where layers compute.
    Device device();

    /// The tensor in the computing type on the device; belongs to the current scope.
    default Tensor computed(String name) {
        return stored(name).to(computeType()).to(device());
    }
}
