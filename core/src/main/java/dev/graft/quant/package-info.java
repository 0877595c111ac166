/// Weights in few bits: formats that pack and unpack them, one file each, and linear layers made of them.
///
/// May import: `tensor`, `kernel`, `autograd`, `nn`.
///
/// To add to it: one class that implements `QuantFormat`, its layout in files (`BitsAndBytes` or
/// `GraftLayout`), one test that extends `QuantFormatContract`; a block format of GGUF is a case of
/// `BlockCodec`, tested against its reference implementation.
package dev.graft.quant;
