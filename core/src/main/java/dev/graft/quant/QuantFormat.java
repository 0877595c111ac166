package dev.graft.quant;

import dev.graft.tensor.Tensor;

/// A way to keep weights in few bits.
public interface QuantFormat {
    /// As in recipes and on the command line, such as `"nf4"`.
    String name();

    /// Packs a tensor.
    ///
    /// @param values float32, bfloat16 or float16
    /// @throws IllegalArgumentException when a value is not finite, or not within the range of the format
    Quantised quantise(Tensor values);
}
