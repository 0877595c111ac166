/// Sampling, stopping and decoding with a key-value cache.
///
/// May import: `tensor`, `nn`, `autograd`, `tokenizer`, `model`.
///
/// To add to it: a sampling rule is a step in `Sampler`.
package dev.graft.generate;
