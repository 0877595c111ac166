package dev.graft.data;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;

/// The batches of a training run: every example once an epoch, in an order that the seed and the epoch decide.
///
/// The examples are shuffled, packed best-fit-decreasing within windows of a few thousand, and the batches
/// shuffled again, because packing sorts by length.
public final class Batches {
    /// Enough for batches to be nearly full, few enough to pack in milliseconds.
    private static final int WINDOW = 4096;

    private final List<Tokenized> examples;
    private final int batchTokens;
    private final long seed;

    /// @param batchTokens  tokens that a batch may hold, at least those of the longest example
    public Batches(List<Tokenized> examples, int batchTokens, long seed) {
        if (examples.isEmpty()) {
            throw new IllegalArgumentException("there are no examples to make batches of");
        }
        this.examples = List.copyOf(examples);
        this.batchTokens = batchTokens;
        this.seed = seed;
    }

    /// All examples once, the same for the same seed and epoch.
    ///
    /// @param epoch  counted from 0
    public List<PackedBatch> epoch(int epoch) {
        var random = new Random(mix(seed, epoch));
        List<Tokenized> shuffled = new ArrayList<>(examples);
        Collections.shuffle(shuffled, random);
        List<PackedBatch> batches = new ArrayList<>();
        for (int from = 0; from < shuffled.size(); from += WINDOW) {
            List<Tokenized> window = shuffled.subList(from, Math.min(shuffled.size(), from + WINDOW));
            batches.addAll(Packing.bestFitDecreasing(window, batchTokens));
        }
        Collections.shuffle(batches, random);
        return batches;
    }

    /// All examples once in their own order, for evaluation.
    public List<PackedBatch> inOrder() {
        return Packing.inOrder(examples, batchTokens);
    }

    /// Neighbouring seeds and epochs must not lead to related shuffles (the finaliser of SplitMix64).
    private static long mix(long seed, int epoch) {
        long z = seed * 0x9E3779B97F4A7C15L + epoch + 1;
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }
}
