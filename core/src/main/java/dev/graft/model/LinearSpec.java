package dev.graft.model;

import java.util.List;

/// A linear layer that adapters may wrap: `name.weight` `[out, in]` and, with a bias, `name.bias` `[out]`.
record LinearSpec(String name, int out, int in, boolean bias) implements Part {
    @Override
    public List<TensorSpec> tensors() {
        TensorSpec weight = TensorSpec.table(name + ".weight", out, in);
        return bias
                ? List.of(weight, TensorSpec.vector(name + ".bias", out, TensorSpec.Initial.ZEROS))
                : List.of(weight);
    }
}
