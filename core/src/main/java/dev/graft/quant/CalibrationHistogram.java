package dev.graft.quant;

import dev.graft.tensor.Tensor;
import java.util.Arrays;

/// What numbers a calibration set holds: the smallest, the largest, and how often those between occur,
/// in bins that widen as larger numbers come.
public final class CalibrationHistogram {
    /// On either side of zero.
    static final int BINS = 2048;

    private final long[] counts = new long[2 * BINS];
    private double width;
    private float min = Float.POSITIVE_INFINITY;
    private float max = Float.NEGATIVE_INFINITY;
    private long total;

    /// Counts the numbers of one more tensor of the set.
    public void add(Tensor values) {
        add(Inputs.packable("calibration", values).toFloats());
    }

    void add(float[] values) {
        float largest = 0;
        for (float value : values) {
            min = Math.min(min, value);
            max = Math.max(max, value);
            largest = Math.max(largest, Math.abs(value));
        }
        if (width == 0 && largest > 0) {
            width = (double) largest / BINS;
        }
        while (largest > width * BINS) {
            widen();
        }
        for (float value : values) {
            counts[bin(value)]++;
        }
        total += values.length;
    }

    /// Two bins become one, zero stays where it is.
    private void widen() {
        long[] before = counts.clone();
        Arrays.fill(counts, 0);
        for (int i = 0; i < BINS; i++) {
            counts[BINS + i / 2] += before[BINS + i];
            counts[BINS - 1 - i / 2] += before[BINS - 1 - i];
        }
        width *= 2;
    }

    private int bin(float value) {
        if (width == 0) {
            return BINS;
        }
        return Math.clamp((long) Math.floor(value / width) + BINS, 0, 2 * BINS - 1);
    }

    /// How many numbers lie in a bin.
    long count(int bin) {
        return counts[bin];
    }

    /// The middle of a bin.
    double center(int bin) {
        return (bin - BINS + 0.5) * width;
    }

    /// Width of a bin; 0 when only zeros have come.
    double width() {
        return width;
    }

    float min() {
        requireAny();
        return min;
    }

    float max() {
        requireAny();
        return max;
    }

    /// Whether no number has come in yet.
    public boolean isEmpty() {
        return total == 0;
    }

    long total() {
        return total;
    }

    private void requireAny() {
        if (isEmpty()) {
            throw new IllegalStateException("the calibration set is empty; add at least one tensor");
        }
    }
}
