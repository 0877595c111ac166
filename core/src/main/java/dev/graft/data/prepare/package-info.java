/// Preparing rows before they are trained on: what is in them, which to leave out, how to part them.
///
/// May import: `tokenizer` and what [dev.graft.data] holds.
///
/// To add to it: one kind of personal data is one constant of `Pii`, one normalisation one of
/// `Normalisation`.
package dev.graft.data.prepare;
