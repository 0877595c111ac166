package dev.graft.model;

import java.util.List;

/// What a layer is made of, as it lies in files: a [LinearSpec] or a single [TensorSpec].
sealed interface Part permits LinearSpec, TensorSpec {
    /// Its tensors, in order.
    List<TensorSpec> tensors();
}
