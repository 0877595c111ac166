package dev.graft.kernel;

/// Which elements a dropout keeps: a hash of seed and element index, so that every body of the kernels, any
/// number of threads and the backward pass agree bit for bit.
///
/// The index goes through a 32-bit mixer of two multiplications (a bijection whose output bits each depend
/// on all input bits); both halves of the mixed seed enter it at different places, so masks of different
/// seeds are not shifts of one another. Indices are taken modulo 2³².
///
/// @param before    added to the index
/// @param between   mixed in between the multiplications
/// @param threshold elements whose upper 24 hash bits are below it are dropped
record DropoutMask(int before, int between, int threshold) {
    static final int FIRST_MULTIPLIER = 0x7feb352d;
    static final int SECOND_MULTIPLIER = 0x846ca68b;

    static DropoutMask of(double rate, long seed) {
        if (!(rate >= 0 && rate < 1)) {
            throw new IllegalArgumentException("dropout rate is %s; expected at least 0 and below 1".formatted(rate));
        }
        long mixed = splitMix(seed);
        return new DropoutMask((int) (mixed >>> 32), (int) mixed, (int) Math.round(rate * (1 << 24)));
    }

    /// 1 / (1 − rate), with the rate as it is in 24 bits.
    float scale() {
        return (float) (1 / (1 - threshold / (double) (1 << 24)));
    }

    boolean keeps(long index) {
        int hash = (int) index + before;
        hash = (hash ^ hash >>> 16) * FIRST_MULTIPLIER ^ between;
        hash = (hash ^ hash >>> 15) * SECOND_MULTIPLIER;
        hash ^= hash >>> 16;
        return hash >>> 8 >= threshold;
    }

    /// Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators".
    private static long splitMix(long seed) {
        long z = seed + 0x9e3779b97f4a7c15L;
        z = (z ^ z >>> 30) * 0xbf58476d1ce4e5b9L;
        z = (z ^ z >>> 27) * 0x94d049bb133111ebL;
        return z ^ z >>> 31;
    }
}
