/// A batch of log-probabilities to a `Loss`.
///
/// May import: `tensor`.
///
/// To add to it: one class an objective.
package dev.graft.objective;
