/// GGUF's words for what `model` calls by Hugging Face's: names of tensors, settings, and how tensors
/// are stored.
///
/// May import: what `model` may.
///
/// To add to it: one family in `GgufFamilies`, a table of names and settings; both directions follow from it.
package dev.graft.model.gguf;
