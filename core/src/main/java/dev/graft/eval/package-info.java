/// Metrics, the evaluator and the report.
///
/// May import: `tensor`, `tokenizer`, `model`, `data`, `objective`, `generate`, `autograd`, `nn`.
///
/// To add to it: one metric is one class and one line in the evaluator.
package dev.graft.eval;
