package dev.graft.model;

import dev.graft.tensor.Shapes;
import java.util.List;

/// A tensor of a model: its name in files, its shape, and what it holds before anything is learnt.
record TensorSpec(String name, long[] shape, Initial initial) implements Part {
    /// How a new model fills a tensor, as Transformers does.
    enum Initial {
        /// From a normal distribution of standard deviation `initializer_range`.
        NORMAL,
        ONES,
        ZEROS
    }

    /// A table or matrix, `[rows, columns]`.
    static TensorSpec table(String name, long rows, long columns) {
        return new TensorSpec(name, new long[] {rows, columns}, Initial.NORMAL);
    }

    static TensorSpec vector(String name, long width, Initial initial) {
        return new TensorSpec(name, new long[] {width}, initial);
    }

    /// The module it is the weight of: its name without `.weight`.
    String module() {
        return name.substring(0, name.lastIndexOf('.'));
    }

    long elements() {
        return Shapes.elements(shape);
    }

    @Override
    public List<TensorSpec> tensors() {
        return List.of(this);
    }
}
