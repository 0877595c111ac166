/// Architectures, their configuration, and loading.
///
/// May import: `tensor`, `kernel`, `autograd`, `nn`, `format`.
///
/// To add to it: one class an architecture, one line in `Architectures`, one test that extends
/// `ArchitectureContract` (docs/models.md).
package dev.graft.model;
