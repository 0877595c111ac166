/// The training loop, its events and checkpoints.
///
/// May import: everything below but `peft` and `generate`.
///
/// To add to it: a fine-tuning method is an objective, a factory of layers and a source of batches
/// handed to the one loop.
package dev.graft.train;
