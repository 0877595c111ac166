/// Ways to keep weights in a few bits each: block by block, a scale and small whole numbers.
///
/// May import: `tensor`, `kernel`, `autograd`, `nn`.
///
/// To add to it: one class a family of formats, named in `BlockCodec`, tested against its reference implementation.
package dev.graft.quant;
