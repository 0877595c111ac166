package dev.graft.export;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// Order among the magnitudes of float32 numbers, without sorting or copying them.
final class Magnitudes {
    private static final int HALF = 1 << 16;

    private Magnitudes() {}

    /// The `k`-th largest magnitude, found half of its bits at a time: the bits of numbers that are not
    /// negative order them as the numbers do.
    ///
    /// @param values finite float32
    /// @param k      1 for the largest
    static float kthLargest(MemorySegment values, long k) {
        long[] counts = new long[HALF];
        long elements = values.byteSize() / Float.BYTES;
        for (long i = 0; i < elements; i++) {
            counts[bits(values, i) >>> 16]++;
        }
        long[] rank = {k};
        int upper = fromTheTop(counts, rank);
        long[] within = new long[HALF];
        for (long i = 0; i < elements; i++) {
            int bits = bits(values, i);
            if (bits >>> 16 == upper) {
                within[bits & (HALF - 1)]++;
            }
        }
        return Float.intBitsToFloat(upper << 16 | fromTheTop(within, rank));
    }

    private static int bits(MemorySegment values, long index) {
        return values.getAtIndex(ValueLayout.JAVA_INT, index) & Integer.MAX_VALUE;
    }

    /// The bin that holds the element of this rank, counted from the highest; leaves the rank within
    /// that bin.
    private static int fromTheTop(long[] counts, long[] rank) {
        for (int bin = counts.length - 1; bin >= 0; bin--) {
            if (rank[0] <= counts[bin]) {
                return bin;
            }
            rank[0] -= counts[bin];
        }
        throw new IllegalArgumentException("there are fewer elements than the rank asked for");
    }
}
