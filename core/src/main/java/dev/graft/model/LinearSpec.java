package dev.graft.model;

import dev.graft.nn.LinearFactory;
import dev.graft.nn.LinearLayer;
import dev.graft.nn.LinearLayout;
import dev.graft.nn.NamedTensors;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Packed;
import dev.graft.tensor.Tensor;
import java.util.List;
import java.util.Optional;

/// A linear layer that adapters may wrap: `name.weight` `[out, in]` and, with a bias, `name.bias` `[out]`.
///
/// @param layout how its weight lies in files and in adapters
record LinearSpec(String name, int out, int in, boolean bias, LinearLayout layout) implements Part {
    LinearSpec(String name, int out, int in, boolean bias) {
        this(name, out, in, bias, LinearLayout.PLAIN);
    }

    @Override
    public List<TensorSpec> tensors() {
        TensorSpec weight = layout.transposed()
                ? TensorSpec.table(name + ".weight", in, out)
                : TensorSpec.table(name + ".weight", out, in);
        return bias
                ? List.of(weight, TensorSpec.vector(name + ".bias", out, TensorSpec.Initial.ZEROS))
                : List.of(weight);
    }

    LinearLayer build(NamedTensors source, LinearFactory factory) {
        return factory.linear(name, layout.equals(LinearLayout.PLAIN) ? source : new LaidOut(source, layout));
    }

    /// Tensors with the layout that their layer has.
    private record LaidOut(NamedTensors source, LinearLayout of) implements NamedTensors {
        @Override
        public LinearLayout layout(String layer) {
            return of;
        }

        @Override
        public boolean has(String name) {
            return source.has(name);
        }

        @Override
        public long[] shape(String name) {
            return source.shape(name);
        }

        @Override
        public Tensor stored(String name) {
            return source.stored(name);
        }

        @Override
        public Optional<Packed> packed(String name) {
            return source.packed(name);
        }

        @Override
        public Tensor computed(String name) {
            return source.computed(name);
        }

        @Override
        public void unload(String name) {
            source.unload(name);
        }

        @Override
        public DType computeType() {
            return source.computeType();
        }

        @Override
        public Device device() {
            return source.device();
        }
    }
}
