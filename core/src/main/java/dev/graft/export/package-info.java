/// Merging adapters into base models and writing them.
///
/// May import: `tensor`, `nn`, `autograd`, `peft`, `format`, `model`.
///
/// To add to it: one class an output format.
package dev.graft.export;
