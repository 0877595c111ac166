/// Text to token ids and back; chat templates.
///
/// May import: `format`, for the files tokenizers come in.
///
/// To add to it: a tokenizer comes from its `tokenizer.json`; there is nothing to add.
package dev.graft.tokenizer;
