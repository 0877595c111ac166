package dev.graft.export;

import dev.graft.tensor.DType;
import java.util.List;
import java.util.Optional;

/// What a merge is asked to do.
///
/// @param weights  factor of each adapter's change, in their order
/// @param density  share of the elements of each change that is kept, for the methods that drop some
/// @param signs    how [MergeMethod#TIES] elects signs
/// @param seed     of the elements that are dropped at random
/// @param saveType type of the saved weights; empty keeps each tensor's own
public record MergeSettings(
        MergeMethod method,
        List<Double> weights,
        double density,
        MergeMethod.Signs signs,
        long seed,
        Optional<DType> saveType) {
    public MergeSettings {
        weights = List.copyOf(weights);
        weights.stream().filter(weight -> !Double.isFinite(weight)).findFirst().ifPresent(weight -> {
            throw new IllegalArgumentException("a weight is %s; expected a finite number".formatted(weight));
        });
        if (!(density > 0 && density <= 1)) {
            throw new IllegalArgumentException("density is %s; expected 0 < density ≤ 1".formatted(density));
        }
        if (saveType.filter(type -> !type.isFloating()).isPresent()) {
            throw new IllegalArgumentException(
                    "weights cannot be saved as %s; expected a floating type".formatted(saveType.orElseThrow()));
        }
    }

    /// One adapter as it is.
    public static MergeSettings plain(Optional<DType> saveType) {
        return linear(List.of(1.0), saveType);
    }

    /// The weighted sum of several.
    public static MergeSettings linear(List<Double> weights, Optional<DType> saveType) {
        return new MergeSettings(MergeMethod.LINEAR, weights, 1, MergeMethod.Signs.TOTAL, 0, saveType);
    }

    /// Whether the result is what one adapter does, no more and no less.
    boolean isPlain() {
        return method == MergeMethod.LINEAR && weights.equals(List.of(1.0));
    }
}
