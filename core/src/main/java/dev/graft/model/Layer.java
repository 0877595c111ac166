package dev.graft.model;

import dev.graft.autograd.Tape;
import dev.graft.autograd.Value;

/// A built layer.
interface Layer {
    /// @param x    `[tokens, width]`
    /// @param pass what all layers of this run share
    /// @return     `[tokens, width]`
    Value forward(Tape tape, Value x, Pass pass);
}
