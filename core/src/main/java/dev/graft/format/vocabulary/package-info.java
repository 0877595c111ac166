/// Vocabularies of other file formats (GGUF, SentencePiece, llama2.c) as the JSON files of the Hugging
/// Face tokenizers library, and back.
///
/// May import: what `format` may.
///
/// To add to it: one class a kind of vocabulary, which makes its `tokenizer.json`.
package dev.graft.format.vocabulary;
