package dev.graft.autograd;

import dev.graft.tensor.Tensor;

/// A tensor on its way through a [Tape]: the numbers, and whether a gradient for them is wanted.
public final class Value {
    private final Tensor data;
    private final boolean wantsGradient;
    private Tensor gradient;
    private boolean gradientIsOurs;

    Value(Tensor data, boolean wantsGradient) {
        this.data = data;
        this.wantsGradient = wantsGradient;
    }

    /// The numbers; valid as long as the scope they were made in, or an operation that saved them.
    public Tensor data() {
        return data;
    }

    public boolean wantsGradient() {
        return wantsGradient;
    }

    /// Adds to this value's gradient, when one is wanted. Gradients that operations are given are contiguous.
    public void accumulate(Tensor part) {
        if (!wantsGradient) {
            return;
        }
        if (gradient == null) {
            gradient = (part.isContiguous() ? part : part.contiguous()).retain();
            gradientIsOurs = false; // it may be another value's too, so it is not changed in place
        } else if (gradientIsOurs) {
            gradient.addInPlace(part);
        } else {
            Tensor sum = gradient.add(part).retain();
            gradient.release();
            gradient = sum;
            gradientIsOurs = true;
        }
    }

    /// The gradient collected so far, or `null` when nothing has arrived.
    Tensor gradientOrNull() {
        return gradient;
    }

    boolean hasGradient() {
        return gradient != null;
    }

    void dropGradient() {
        if (gradient != null) {
            gradient.release();
            gradient = null;
            gradientIsOurs = false;
        }
    }
}
