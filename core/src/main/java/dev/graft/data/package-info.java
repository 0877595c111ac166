/// Rows of files to examples, tokens, masks and packed batches.
///
/// May import: `tensor`, `tokenizer`.
///
/// To add to it: one row shape is one case in `Rows`.
package dev.graft.data;
