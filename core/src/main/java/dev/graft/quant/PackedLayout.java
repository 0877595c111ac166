package dev.graft.quant;

import dev.graft.quant.BitsAndBytes.Stored;
import dev.graft.tensor.DType;
import dev.graft.tensor.Tensor;
import java.util.Map;
import java.util.Optional;

/// How packed weights lie among the tensors of a file: a few tensors for each, told by their names.
public interface PackedLayout {
    /// Whether the file packs this weight.
    boolean packs(String weight);

    /// The weight whose packing a tensor is part of; empty for tensors in their own right.
    Optional<String> weightOf(String name);

    /// A packed weight over the memory of its file, checked; its close leaves that memory alone.
    ///
    /// @throws IllegalArgumentException a clause, when the tensors do not make a packed weight
    Quantised read(String weight);

    /// What bitsandbytes writes.
    ///
    /// @param rowsType  type 8-bit weights had, which is not stored
    /// @param threshold `llm_int8_threshold`
    static PackedLayout bitsAndBytes(Stored stored, DType rowsType, double threshold) {
        return new PackedLayout() {
            @Override
            public boolean packs(String weight) {
                return BitsAndBytes.packs(stored, weight);
            }

            @Override
            public Optional<String> weightOf(String name) {
                return BitsAndBytes.weightOf(stored, name);
            }

            @Override
            public Quantised read(String weight) {
                return BitsAndBytes.read(stored, weight, rowsType, threshold);
            }
        };
    }

    /// A packed weight as tensors to store, by name, in the layout that its format has; they belong to
    /// the current scope.
    ///
    /// @param weight its name, ending in `.weight`
    static Map<String, Tensor> tensors(String weight, Quantised packed) {
        return GraftLayout.has(packed.format())
                ? GraftLayout.tensors(weight, packed)
                : BitsAndBytes.tensors(weight, packed);
    }
}
