/// LoRA and its family; adapter files.
///
/// May import: `tensor`, `kernel`, `autograd`, `nn`, `format`.
///
/// To add to it: one class a method, one line in `PeftMethods`, one test that extends `PeftMethodContract`.
package dev.graft.peft;
