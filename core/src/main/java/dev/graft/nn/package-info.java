/// Layers, the factory that makes linears, the key-value cache.
///
/// May import: `tensor`, `kernel`, `autograd`.
///
/// To add to it: one class a layer.
package dev.graft.nn;
