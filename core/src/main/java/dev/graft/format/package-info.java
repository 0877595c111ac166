/// Weight files: safetensors.
///
/// May import: `tensor`.
///
/// To add to it: one class a file format.
package dev.graft.format;
