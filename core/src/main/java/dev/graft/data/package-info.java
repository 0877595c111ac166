/// Rows of files to examples, tokens, masks and packed batches.
///
/// May import: `tensor`, `tokenizer`.
///
/// To add to it: a shape of rows goes into [dev.graft.data.shape], a file format into
/// [dev.graft.data.input].
package dev.graft.data;
