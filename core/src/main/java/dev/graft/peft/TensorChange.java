package dev.graft.peft;

import dev.graft.autograd.Parameter;
import dev.graft.peft.Adapters.Adapted;
import dev.graft.tensor.DType;
import dev.graft.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/// How one tensor of a base model changes when an adapter is folded into it. All arithmetic is float32,
/// and a tensor may be asked for some rows at a time.
public sealed interface TensorChange {
    /// New rows.
    ///
    /// @param base rows of the tensor as stored, any floating type
    /// @param from number of the first of them
    /// @return     float32
    Tensor merged(Tensor base, long from);

    /// What is added to the stored rows; the caller may change it.
    default Tensor delta(Tensor base, long from) {
        return merged(base, from).sub(base.to(DType.F32));
    }

    /// Nothing changes; of a head that shared a table which changes.
    record None() implements TensorChange {
        @Override
        public Tensor merged(Tensor base, long from) {
            return base.to(DType.F32);
        }
    }

    /// A matrix with factors.
    record Factors(Adapted change) implements TensorChange {
        @Override
        public Tensor merged(Tensor base, long from) {
            return change.merged(base, from);
        }

        @Override
        public Tensor delta(Tensor base, long from) {
            return change.delta(base, from);
        }
    }

    /// A matrix with a part of stacked factors.
    ///
    /// @param product what is added, float32
    record Added(Supplier<Tensor> product) implements TensorChange {
        @Override
        public Tensor merged(Tensor base, long from) {
            return base.to(DType.F32).add(delta(base, from));
        }

        @Override
        public Tensor delta(Tensor base, long from) {
            return product.get().narrow(0, from, base.size(0));
        }
    }

    /// A change of a matrix that is stored the other way round, `[in, out]`; asked for as a whole only.
    record Transposed(TensorChange change) implements TensorChange {
        @Override
        public Tensor merged(Tensor base, long from) {
            requireWhole(from);
            return change.merged(base.t(), 0).t();
        }

        @Override
        public Tensor delta(Tensor base, long from) {
            requireWhole(from);
            return change.delta(base.t(), 0).t();
        }

        private static void requireWhole(long from) {
            if (from != 0) {
                throw new IllegalArgumentException(
                        "rows from %d on of a matrix that is stored transposed; expected all of them".formatted(from));
            }
        }
    }

    /// A tensor trained whole.
    record Whole(Parameter values) implements TensorChange {
        @Override
        public Tensor merged(Tensor base, long from) {
            return values.master().narrow(0, from, base.size(0));
        }
    }

    /// Rows trained in place of the stored ones.
    ///
    /// @param index int64 `[n]`
    record Rows(Tensor index, Parameter values) implements TensorChange {
        @Override
        public Tensor merged(Tensor base, long from) {
            List<Integer> at = new ArrayList<>();
            List<Integer> which = new ArrayList<>();
            long[] rows = index.toLongs();
            for (int i = 0; i < rows.length; i++) {
                if (rows[i] >= from && rows[i] < from + base.size(0)) {
                    at.add(Math.toIntExact(rows[i] - from));
                    which.add(i);
                }
            }
            Tensor table = base.to(DType.F32).copy();
            return table.indexCopyInPlace(0, ids(at), values.master().indexSelect(0, ids(which)));
        }

        private static Tensor ids(List<Integer> numbers) {
            return Tensor.of(numbers.stream().mapToInt(Integer::intValue).toArray());
        }
    }

    /// A bias, itself trained or not, to which that of a factor is added.
    record Bias(Optional<Parameter> trained, Parameter ofFactor, double scale) implements TensorChange {
        @Override
        public Tensor merged(Tensor base, long from) {
            Tensor start =
                    trained.map(p -> p.master().narrow(0, from, base.size(0))).orElseGet(() -> base.to(DType.F32));
            return start.add(ofFactor.master().narrow(0, from, base.size(0)).mul(scale));
        }
    }
}
