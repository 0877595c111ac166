/// The reverse-mode tape and its operations.
///
/// May import: `tensor`, `kernel`.
///
/// To add to it: one operation class with its forward and backward, checked with `GradientCheck` against
/// libtorch and finite differences.
package dev.graft.autograd;
