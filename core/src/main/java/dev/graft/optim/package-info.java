/// Optimizers, learning-rate schedules and clipping.
///
/// May import: `tensor`, `kernel`, `autograd`.
///
/// To add to it: one class an optimizer, one case a schedule.
package dev.graft.optim;
