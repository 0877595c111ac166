/// Weight files: safetensors in one file or many shards, GGUF, llama2.c, and the writing of files whole
/// or not at all.
///
/// May import: `tensor`, `quant`.
///
/// To add to it: one class a file format; whatever it refuses is a `FormatException`.
package dev.graft.format;
