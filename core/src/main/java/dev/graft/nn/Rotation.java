package dev.graft.nn;

/// How rotary positions turn the pairs of a head: one angle per position for each pair. Pairs lie at the beginning of a
/// head and may be fewer than half of its elements; the rest is not turned.
///
/// Su et al. 2021, <https://arxiv.org/abs/2104.09864>.
public final class Rotation {
    private final float[] frequencies;

    /// @param frequencies angle per position of each pair
    public Rotation(float[] frequencies) {
        this.frequencies = frequencies.clone();
    }

    /// Angle per position of each pair.
    float[] frequencies() {
        return frequencies;
    }
}
