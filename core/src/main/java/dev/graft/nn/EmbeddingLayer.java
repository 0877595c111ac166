package dev.graft.nn;

import dev.graft.autograd.Embedding;
import dev.graft.autograd.Tape;
import dev.graft.autograd.Value;
import dev.graft.autograd.Weight;
import dev.graft.tensor.Tensor;
import java.util.OptionalInt;

/// The input embedding inside a model: plain, trained whole or adapted, the model cannot tell.
public interface EmbeddingLayer {
    /// @param ids     int64 `[tokens]`
    /// @param padding the id whose row is not trained by where it stands, where there is one
    /// @return        `[tokens, width]`
    Value forward(Tape tape, Tensor ids, OptionalInt padding);

    /// The table without changes, `[vocab, width]`: what a head that shares it multiplies by.
    Weight table();

    /// A layer that picks rows of a table.
    static EmbeddingLayer of(Weight table) {
        return new EmbeddingLayer() {
            @Override
            public Value forward(Tape tape, Tensor ids, OptionalInt padding) {
                return Embedding.apply(tape, Embedding.of(table), ids, padding);
            }

            @Override
            public Weight table() {
                return table;
            }
        };
    }
}
