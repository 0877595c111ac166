/// Text to token ids and back; chat templates.
///
/// May import: nothing of Graft.
///
/// To add to it: a tokenizer comes from its `tokenizer.json`; there is nothing to add.
package dev.graft.tokenizer;
