package dev.graft.data;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.TreeMap;

/// Examples to batches of limited size, none of them cut.
public final class Packing {

    private Packing() {}

    /// Best-fit decreasing: the longest first, each into the batch that it fills most nearly.
    ///
    /// Wastes little (at most 11/9 of the fewest batches possible, plus one). Examples of the same length
    /// keep their order, so the result depends on nothing but the arguments.
    public static List<PackedBatch> bestFitDecreasing(List<Tokenized> examples, int batchTokens) {
        requireFit(examples, batchTokens);
        List<Tokenized> sorted = new ArrayList<>(examples);
        sorted.sort(Comparator.comparingInt(Tokenized::tokens).reversed());
        List<List<Tokenized>> bins = new ArrayList<>();
        TreeMap<Integer, List<List<Tokenized>>> byRoom = new TreeMap<>();
        for (Tokenized example : sorted) {
            var tightest = byRoom.ceilingEntry(example.tokens());
            int room = batchTokens;
            List<Tokenized> bin;
            if (tightest == null) {
                bin = new ArrayList<>();
                bins.add(bin);
            } else {
                room = tightest.getKey();
                bin = tightest.getValue().removeLast();
                if (tightest.getValue().isEmpty()) {
                    byRoom.remove(room);
                }
            }
            bin.add(example);
            byRoom.computeIfAbsent(room - example.tokens(), r -> new ArrayList<>())
                    .add(bin);
        }
        return bins.stream().map(Packing::join).toList();
    }

    /// As they come: a batch is closed when the next example does not fit into it.
    public static List<PackedBatch> inOrder(List<Tokenized> examples, int batchTokens) {
        requireFit(examples, batchTokens);
        List<PackedBatch> batches = new ArrayList<>();
        List<Tokenized> open = new ArrayList<>();
        int tokens = 0;
        for (Tokenized example : examples) {
            if (tokens + example.tokens() > batchTokens) {
                batches.add(join(open));
                open.clear();
                tokens = 0;
            }
            open.add(example);
            tokens += example.tokens();
        }
        if (!open.isEmpty()) {
            batches.add(join(open));
        }
        return batches;
    }

    /// One batch of all these examples, in their order.
    public static PackedBatch join(List<Tokenized> examples) {
        int[] starts = new int[examples.size() + 1];
        for (int d = 0; d < examples.size(); d++) {
            starts[d + 1] = starts[d] + examples.get(d).tokens();
        }
        int[] ids = new int[starts[examples.size()]];
        boolean[] labels = new boolean[ids.length];
        for (int d = 0; d < examples.size(); d++) {
            Tokenized example = examples.get(d);
            System.arraycopy(example.ids(), 0, ids, starts[d], example.tokens());
            System.arraycopy(example.labels(), 0, labels, starts[d], example.tokens());
        }
        return new PackedBatch(ids, starts, labels);
    }

    private static void requireFit(List<Tokenized> examples, int batchTokens) {
        var faults = new Faults();
        int longest = 0;
        for (Tokenized example : examples) {
            longest = Math.max(longest, example.tokens());
            if (example.tokens() > batchTokens) {
                faults.add(example.row(), "%,d tokens".formatted(example.tokens()));
            }
        }
        faults.throwIfAny(
                "%,d of %,d examples do not fit into a batch of %d tokens:"
                        .formatted(faults.count(), examples.size(), batchTokens),
                "Raise per_device_batch_tokens to at least %d, or lower max_length to %d."
                        .formatted(longest, batchTokens));
    }
}
