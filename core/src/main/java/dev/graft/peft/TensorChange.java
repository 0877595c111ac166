package dev.graft.peft;

import dev.graft.autograd.Parameter;
import dev.graft.peft.Adapters.Adapted;
import dev.graft.tensor.DType;
import dev.graft.tensor.Tensor;
import java.util.Optional;

/// How one tensor of a base model changes when an adapter is folded into it. All arithmetic is float32.
public sealed interface TensorChange {
    /// The new tensor.
    ///
    /// @param base the tensor as stored, any floating type
    Tensor merged(Tensor base);

    /// What is added to the stored one.
    default Tensor delta(Tensor base) {
        return merged(base).sub(base.to(DType.F32));
    }

    /// Nothing changes; of a head that shared a table which changes.
    record None() implements TensorChange {
        @Override
        public Tensor merged(Tensor base) {
            return base.to(DType.F32);
        }
    }

    /// A matrix with factors.
    record Factors(Adapted change) implements TensorChange {
        @Override
        public Tensor merged(Tensor base) {
            return change.merged(base);
        }

        @Override
        public Tensor delta(Tensor base) {
            return change.delta(base);
        }
    }

    /// A tensor trained whole.
    record Whole(Parameter values) implements TensorChange {
        @Override
        public Tensor merged(Tensor base) {
            return values.master();
        }
    }

    /// Rows trained in place of the stored ones.
    ///
    /// @param index int64 `[n]`
    record Rows(Tensor index, Parameter values) implements TensorChange {
        @Override
        public Tensor merged(Tensor base) {
            Tensor table = base.to(DType.F32);
            return (table.dtype() == base.dtype() ? table.copy() : table).indexCopyInPlace(0, index, values.master());
        }
    }

    /// A bias, itself trained or not, to which that of a factor is added.
    record Bias(Optional<Parameter> trained, Parameter ofFactor, double scale) implements TensorChange {
        @Override
        public Tensor merged(Tensor base) {
            Tensor start = trained.map(Parameter::master).orElseGet(() -> base.to(DType.F32));
            return start.add(ofFactor.master().mul(scale));
        }
    }
}
