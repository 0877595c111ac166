package dev.graft.autograd;

import dev.graft.tensor.Tensor;

/// Rows of a matrix whose learnt values stand in place of the stored ones.
///
/// @param index  int64 `[n]`, which rows; none twice
/// @param values `[n, in]`
public record ReplacedRows(Tensor index, Weight values) {}
