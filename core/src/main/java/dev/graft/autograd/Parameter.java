package dev.graft.autograd;

import dev.graft.tensor.DType;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.util.function.UnaryOperator;

/// A weight that learns: float32 values that the optimizer changes, a copy in the computing type that layers
/// read, and a float32 gradient that the backward pass adds to.
///
/// It holds its tensors itself, whatever scope is open, until [#close].
public final class Parameter implements Weight {
    private final String name;
    private final Tensor master;
    private final Tensor working;
    private Tensor gradient;
    private boolean hasGradient;
    private long version;

    /// @param name        as in weight files
    /// @param initial     copied; any floating type
    /// @param computeType type in which layers read it
    public Parameter(String name, Tensor initial, DType computeType) {
        this.name = name;
        try (Scope scope = Scope.open()) {
            Tensor values = initial.to(DType.F32);
            this.master = (values.dtype() == initial.dtype() ? initial.copy() : values)
                    .contiguous()
                    .retain();
            this.working = computeType == DType.F32
                    ? master.retain()
                    : master.to(computeType).retain();
        }
    }

    public String name() {
        return name;
    }

    /// The float32 values, changed in place by the optimizer, which calls [#refresh] afterwards.
    public Tensor master() {
        return master;
    }

    @Override
    public Tensor value() {
        return working;
    }

    @Override
    public boolean isTrainable() {
        return true;
    }

    @Override
    public long elements() {
        return master.elements();
    }

    /// Copies changed float32 values to what layers read.
    public void refresh() {
        version++;
        if (working != master) {
            working.copyInPlace(master);
        }
    }

    /// How often the values have changed.
    long version() {
        return version;
    }

    /// Replaces the values.
    public void set(Tensor values) {
        master.copyInPlace(values);
        refresh();
    }

    @Override
    public void accumulate(Tensor part) {
        if (hasGradient) {
            gradient.addInPlace(part);
        } else {
            freshGradient().copyInPlace(part);
        }
    }

    /// A part of these values as a weight that layers can use; what it learns is learnt here.
    ///
    /// @param cut from a tensor of this shape to a view of some of it
    public Weight part(UnaryOperator<Tensor> cut) {
        return new Part(this, cut);
    }

    /// Adds to the gradient of a part.
    private void accumulate(UnaryOperator<Tensor> cut, Tensor part) {
        if (!hasGradient) {
            freshGradient().zeroInPlace();
        }
        cut.apply(gradient).addInPlace(part);
    }

    private record Part(Parameter whole, UnaryOperator<Tensor> cut) implements Weight {
        @Override
        public Tensor value() {
            return cut.apply(whole.working);
        }

        @Override
        public boolean isTrainable() {
            return true;
        }

        @Override
        public void accumulate(Tensor gradient) {
            whole.accumulate(cut, gradient);
        }

        @Override
        public long elements() {
            try (Scope scope = Scope.open()) {
                return value().elements();
            }
        }

        /// The whole is closed by who made it.
        @Override
        public void close() {}
    }

    /// Adds the product `a × b` to the gradient of a matrix.
    void accumulateProduct(Tensor a, Tensor b) {
        if (hasGradient && a.dtype() == DType.F32) {
            gradient.addmmInPlace(a, b, 1);
        } else {
            accumulate(a.mm(b));
        }
    }

    private Tensor freshGradient() {
        if (gradient == null) {
            try (Scope scope = Scope.open()) {
                gradient =
                        Tensor.empty(DType.F32, master.device(), master.shape()).retain();
            }
        }
        hasGradient = true;
        return gradient;
    }

    /// Whether anything has been added since the last [#clearGradient].
    public boolean hasGradient() {
        return hasGradient;
    }

    /// The float32 gradient; only when [#hasGradient].
    public Tensor gradient() {
        if (!hasGradient) {
            throw new IllegalStateException("no gradient has reached " + name);
        }
        return gradient;
    }

    public void clearGradient() {
        hasGradient = false;
    }

    @Override
    public void close() {
        master.release();
        working.release();
        if (gradient != null) {
            gradient.release();
        }
    }

    @Override
    public String toString() {
        return name + " " + master;
    }
}
