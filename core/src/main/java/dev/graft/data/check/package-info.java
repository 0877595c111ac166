/// What may be wrong with rows before they are trained on.
///
/// May import: `tokenizer` and what [dev.graft.data] holds.
///
/// To add to it: a fault is a constant of `Lint`, found by `TokenLints` (in its tokens) or `TextLints`
/// (in its texts).
package dev.graft.data.check;
