package dev.graft.data;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.TreeMap;
import java.util.stream.IntStream;

/// Examples to batches of limited size, none of them cut.
public final class Packing {

    private Packing() {}

    /// Best-fit decreasing: the longest first, each into the batch that it fills most nearly.
    ///
    /// Wastes little (at most 11/9 of the fewest batches possible, plus one). Examples of the same length
    /// keep their order, so the result depends on nothing but the arguments.
    public static List<PackedBatch> bestFitDecreasing(List<Tokenized> examples, int batchTokens) {
        Examples all = Examples.of(examples);
        requireFit(all, batchTokens);
        int[] order = IntStream.range(0, all.size()).toArray();
        return plan(all, order, batchTokens).stream().map(bin -> join(all, bin)).toList();
    }

    /// Which examples go together, best-fit decreasing, from their lengths alone.
    ///
    /// @param order  the examples to pack, by their index; each fits into a batch ([#requireFit])
    /// @return       the indices of each batch
    static List<int[]> plan(Examples examples, int[] order, int batchTokens) {
        List<Integer> sorted = new ArrayList<>(order.length);
        for (int example : order) {
            sorted.add(example);
        }
        sorted.sort(Comparator.<Integer>comparingInt(examples::tokens).reversed());
        List<List<Integer>> bins = new ArrayList<>();
        TreeMap<Integer, List<List<Integer>>> byRoom = new TreeMap<>();
        for (int example : sorted) {
            int tokens = examples.tokens(example);
            var tightest = byRoom.ceilingEntry(tokens);
            int room = batchTokens;
            List<Integer> bin;
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
            byRoom.computeIfAbsent(room - tokens, r -> new ArrayList<>()).add(bin);
        }
        return bins.stream()
                .map(bin -> bin.stream().mapToInt(Integer::intValue).toArray())
                .toList();
    }

    /// As they come: a batch is closed when the next example does not fit into it.
    public static List<PackedBatch> inOrder(List<Tokenized> examples, int batchTokens) {
        Examples all = Examples.of(examples);
        return planInOrder(all, batchTokens).stream().map(bin -> join(all, bin)).toList();
    }

    /// Which examples go together when they keep their order.
    static List<int[]> planInOrder(Examples examples, int batchTokens) {
        requireFit(examples, batchTokens);
        List<int[]> bins = new ArrayList<>();
        int from = 0;
        int tokens = 0;
        for (int i = 0; i < examples.size(); i++) {
            if (tokens + examples.tokens(i) > batchTokens) {
                bins.add(IntStream.range(from, i).toArray());
                from = i;
                tokens = 0;
            }
            tokens += examples.tokens(i);
        }
        if (from < examples.size()) {
            bins.add(IntStream.range(from, examples.size()).toArray());
        }
        return bins;
    }

    /// One batch of the examples with these indices.
    static PackedBatch join(Examples examples, int[] bin) {
        return join(IntStream.of(bin).mapToObj(examples::get).toList());
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

    /// Fails, naming the rows, when an example has more tokens than a batch holds.
    static void requireFit(Examples examples, int batchTokens) {
        var faults = new Faults();
        int longest = 0;
        for (int i = 0; i < examples.size(); i++) {
            int tokens = examples.tokens(i);
            longest = Math.max(longest, tokens);
            if (tokens > batchTokens) {
                faults.add(examples.get(i).row(), "%,d tokens".formatted(tokens));
            }
        }
        faults.throwIfAny(
                "%,d of %,d examples do not fit into a batch of %d tokens:"
                        .formatted(faults.count(), examples.size(), batchTokens),
                "Raise per_device_batch_tokens to at least %d, or lower max_length to %d."
                        .formatted(longest, batchTokens));
    }
}
