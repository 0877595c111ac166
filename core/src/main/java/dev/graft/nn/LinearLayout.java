package dev.graft.nn;

import java.util.Optional;

/// How a linear layer lies in files and in adapters, where that is not plainly `name.weight` of `[out, in]`.
///
/// @param transposed whether its weight is stored `[in, out]`, as that of GPT-2's `Conv1D` is
/// @param slice      the parameter Transformers holds its weight in, when that is not a layer of its own
public record LinearLayout(boolean transposed, Optional<Slice> slice) {
    /// A layer as most are.
    public static final LinearLayout PLAIN = new LinearLayout(false, Optional.empty());

    /// The weight is stored `[in, out]`.
    public static final LinearLayout TRANSPOSED = new LinearLayout(true, Optional.empty());

    /// Some rows of one expert's matrix in a parameter that stacks the matrices of all experts,
    /// `[experts, out, in]`, or with one expert of a plain matrix `[out, in]`.
    ///
    /// @param parameter full name, as `target_parameters` match it: `model.layers.0.mlp.experts.gate_up_proj`
    /// @param experts   matrices in the parameter
    /// @param expert    which of them
    /// @param out       rows of each
    /// @param firstRow  where the layer's rows begin among them
    public record Slice(String parameter, int experts, int expert, int out, int firstRow) {}

    /// A layer that is a slice of a parameter.
    public static LinearLayout of(Slice slice) {
        return new LinearLayout(false, Optional.of(slice));
    }
}
