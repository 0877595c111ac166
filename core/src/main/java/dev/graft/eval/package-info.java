/// Metrics, the evaluator and the report.
///
/// May import: `tensor`, `tokenizer`, `model`, `data`, `objective`, `generate`, `autograd`, `nn`.
///
/// To add to it: one metric is one record with a way to measure it, as `HeldOut` and `Agreement` are.
package dev.graft.eval;
