package dev.graft.data;

import java.util.AbstractList;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.RandomAccess;
import java.util.stream.IntStream;

/// The batches of a training run: every example once an epoch, in an order that the seed and the epoch
/// decide.
///
/// The examples are shuffled, packed best-fit-decreasing within windows of a few thousand, and the batches
/// shuffled again, because packing sorts by length.
public final class Batches {
    /// Enough for batches to be nearly full, few enough to pack in milliseconds.
    private static final int WINDOW = 4096;

    private final Examples examples;
    private final int batchTokens;
    private final long seed;

    /// @param batchTokens  tokens that a batch may hold, at least those of the longest example
    public Batches(List<Tokenized> examples, int batchTokens, long seed) {
        if (examples.isEmpty()) {
            throw new IllegalArgumentException("there are no examples to make batches of");
        }
        this.examples = Examples.of(examples);
        this.batchTokens = batchTokens;
        this.seed = seed;
    }

    /// All examples once, the same for the same seed and epoch. A batch is put together when it is asked for:
    /// what is kept is which examples go into which.
    ///
    /// @param epoch  counted from 0
    public List<PackedBatch> epoch(int epoch) {
        Packing.requireFit(examples, batchTokens);
        var random = new Random(mix(seed, epoch));
        int[] order = IntStream.range(0, examples.size()).toArray();
        shuffle(order, random);
        List<int[]> plan = new ArrayList<>();
        for (int from = 0; from < order.length; from += WINDOW) {
            int[] window = Arrays.copyOfRange(order, from, Math.min(order.length, from + WINDOW));
            plan.addAll(Packing.plan(examples, window, batchTokens));
        }
        Collections.shuffle(plan, random);
        return new Planned(plan);
    }

    /// All examples once in their own order, for evaluation.
    public List<PackedBatch> inOrder() {
        return new Planned(Packing.planInOrder(examples, batchTokens));
    }

    /// Share of the room in the batches of the first epoch that tokens fill.
    public double fillRate() {
        long tokens = 0;
        for (int i = 0; i < examples.size(); i++) {
            tokens += examples.tokens(i);
        }
        return tokens / ((double) epoch(0).size() * batchTokens);
    }

    /// Batches that are put together when they are asked for.
    private final class Planned extends AbstractList<PackedBatch> implements RandomAccess {
        private final List<int[]> plan;

        Planned(List<int[]> plan) {
            this.plan = plan;
        }

        @Override
        public PackedBatch get(int index) {
            return Packing.join(examples, plan.get(index));
        }

        @Override
        public int size() {
            return plan.size();
        }
    }

    /// As `Collections.shuffle`, four bytes an example.
    private static void shuffle(int[] values, Random random) {
        for (int i = values.length; i > 1; i--) {
            int j = random.nextInt(i);
            int value = values[i - 1];
            values[i - 1] = values[j];
            values[j] = value;
        }
    }

    /// Neighbouring seeds and epochs must not lead to related shuffles (the finaliser of SplitMix64).
    private static long mix(long seed, int epoch) {
        long z = seed * 0x9E3779B97F4A7C15L + epoch + 1;
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }
}
