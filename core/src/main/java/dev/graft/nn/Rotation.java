package dev.graft.nn;

import java.util.function.IntFunction;

/// How rotary positions turn the pairs of a head: one angle per position for each pair. Pairs lie at the
/// beginning of a head and may be fewer than half of its elements; the rest is not turned. Some scalings
/// turn the tokens of a long document otherwise than those of a short one.
///
/// Su et al. 2021, <https://arxiv.org/abs/2104.09864>.
public final class Rotation {
    private final float[] within;
    private final int limit;
    private final IntFunction<float[]> beyond;
    private final boolean growing;
    private final float magnitude;

    private Rotation(float[] within, int limit, IntFunction<float[]> beyond, boolean growing, double magnitude) {
        this.within = within.clone();
        this.limit = limit;
        this.beyond = beyond;
        this.growing = growing;
        this.magnitude = (float) magnitude;
    }

    /// The same for documents of every length.
    ///
    /// @param frequencies angle per position of each pair
    /// @param magnitude   what cosines and sines are multiplied by
    public static Rotation fixed(float[] frequencies, double magnitude) {
        return new Rotation(frequencies, Integer.MAX_VALUE, length -> frequencies, false, magnitude);
    }

    /// One for documents of at most `limit` tokens, another for longer ones.
    public static Rotation switching(float[] within, int limit, float[] beyond, double magnitude) {
        float[] copy = beyond.clone();
        return new Rotation(within, limit, length -> copy, false, magnitude);
    }

    /// One for documents of at most `limit` tokens, and one for every length beyond.
    public static Rotation growing(float[] within, int limit, IntFunction<float[]> beyond) {
        return new Rotation(within, limit, beyond, true, 1);
    }

    /// Length of the longest document that is turned like one of this length.
    public int sameUntil(int length) {
        if (length <= limit) {
            return limit;
        }
        return growing ? length : Integer.MAX_VALUE;
    }

    /// Angle per position of each pair, in a document of this length.
    float[] frequencies(int length) {
        return length <= limit ? within : beyond.apply(length);
    }

    float magnitude() {
        return magnitude;
    }
}
