/// A batch of log-probabilities to a `Loss`.
///
/// May import: `tensor`.
///
/// To add to it: one class an objective, one line in `Objectives`.
package dev.graft.objective;
