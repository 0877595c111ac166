/// Native tensors with a visible lifetime.
///
/// May import: nothing of Graft; it is the only package that touches org.bytedeco.
///
/// To add to it: a new ATen operation is one method in `Tensor`, a decomposition one in `LinearAlgebra`.
package dev.graft.tensor;
