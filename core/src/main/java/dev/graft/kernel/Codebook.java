package dev.graft.kernel;

import java.util.Arrays;

/// What each code of a few bits stands for, and where one code ends and the next begins: a number
/// belongs to as many steps up the sorted values as there are thresholds strictly below it.
///
/// Block-wise formats divide a block of weights by its largest magnitude and keep the nearest code of each:
/// Dettmers et al. 2021, <https://arxiv.org/abs/2110.02861>.
public final class Codebook {
    private final float[] values;
    private final float[] thresholds;
    private final byte[] codes;
    private final byte[] coarse;

    /// @param values     by code, 16 or 256 of them, within [−1, 1]
    /// @param thresholds ascending, one fewer
    /// @param codes      from the lowest value to the highest
    public Codebook(float[] values, float[] thresholds, byte[] codes) {
        if (values.length != 16 && values.length != 256) {
            throw new IllegalArgumentException("a codebook of %d values; expected 16 or 256".formatted(values.length));
        }
        if (thresholds.length != values.length - 1 || codes.length != values.length) {
            throw new IllegalArgumentException("%d values, %d thresholds and %d codes; expected one threshold fewer"
                    .formatted(values.length, thresholds.length, codes.length));
        }
        for (int i = 1; i < thresholds.length; i++) {
            if (!(thresholds[i - 1] < thresholds[i])) {
                throw new IllegalArgumentException("thresholds %d and %d are %s and %s; expected them to ascend"
                        .formatted(i - 1, i, thresholds[i - 1], thresholds[i]));
            }
        }
        this.values = values.clone();
        this.thresholds = thresholds.clone();
        this.codes = codes.clone();
        this.coarse = coarse(thresholds);
    }

    /// Codes in the order of their values.
    public static Codebook sorted(float[] values, float[] thresholds) {
        byte[] codes = new byte[values.length];
        for (int i = 0; i < codes.length; i++) {
            codes[i] = (byte) i;
        }
        return new Codebook(values, thresholds, codes);
    }

    /// The same codes and thresholds for other values, such as those of a file.
    public Codebook withValues(float[] others) {
        return new Codebook(others, thresholds, codes);
    }

    /// Bits of a code: 4, two to a byte with the first in the upper half, or 8.
    public int bits() {
        return values.length == 16 ? 4 : 8;
    }

    /// Bytes that `elements` codes take.
    public long bytes(long elements) {
        return bits() == 8 ? elements : (elements + 1) / 2;
    }

    /// What each code stands for.
    public float[] values() {
        return values.clone();
    }

    float value(int code) {
        return values[code];
    }

    float[] thresholds() {
        return thresholds;
    }

    byte[] codesByRank() {
        return codes;
    }

    int code(float x) {
        return codes[rank(x)] & 0xff;
    }

    /// Thresholds strictly below `x`.
    private int rank(float x) {
        int rank = coarse[Float.floatToRawIntBits(x) >>> 16] & 0xff;
        while (rank < thresholds.length && x > thresholds[rank]) {
            rank++;
        }
        return rank;
    }

    /// For each possible upper half of a float32, thresholds below every number that begins so.
    private static byte[] coarse(float[] thresholds) {
        byte[] ranks = new byte[1 << 16];
        for (int upper = 0; upper < ranks.length; upper++) {
            boolean negative = upper >= 1 << 15;
            float lowest = Float.intBitsToFloat(upper << 16 | (negative ? 0xffff : 0));
            int at = Float.isNaN(lowest) ? 0 : Arrays.binarySearch(thresholds, lowest);
            ranks[upper] = (byte) (at >= 0 ? at : -at - 1);
        }
        return ranks;
    }
}
