/// Optimizers, learning-rate schedules and clipping.
///
/// May import: `tensor`, `kernel`, `autograd`.
///
/// To add to it: one class an optimizer; a schedule is one record in `Schedule`, with its name beside it.
package dev.graft.optim;
