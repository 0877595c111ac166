/// LoRA and its family; adapter files.
///
/// May import: `tensor`, `kernel`, `autograd`, `nn`, `format`.
///
/// To add to it: a way to begin is a case of `Lora.Init`, a way to change a tensor one of `TensorChange`;
/// each with a test that extends `PeftMethodContract`.
package dev.graft.peft;
