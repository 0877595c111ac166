package dev.graft.data.prepare;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.IntStream;

/// Parts rows into train, validation and test: what belongs together stays together, and every label has
/// its share in every part as nearly as that allows. The same rows, options and seed give the same parts
/// on every machine.
public final class Parting {
    private final Together together;
    private final List<String> labels = new ArrayList<>();

    public Parting() {
        this.together = new Together();
    }

    /// Adds a row that may go to any part.
    ///
    /// @param label its stratum; the empty string where rows are not stratified
    /// @return its index, counted from 0
    public int add(String label) {
        labels.add(label);
        return together.add();
    }

    /// Says that two rows must not be parted.
    public void bind(int a, int b) {
        together.join(a, b);
    }

    public int rows() {
        return labels.size();
    }

    /// Groups of rows that stay together.
    public int groups() {
        return (int) IntStream.range(0, rows()).map(together::root).distinct().count();
    }

    /// Chooses a part for every row. Groups go, the largest first and otherwise in a random order, where
    /// the rows of their labels are missing most.
    ///
    /// @param sizes rows wanted in each part; they add up to [#rows]
    /// @return the part of every row
    public int[] parts(long[] sizes, long seed) {
        if (Arrays.stream(sizes).sum() != rows()) {
            throw new IllegalArgumentException(
                    "the parts hold %s rows; expected %,d in all".formatted(Arrays.toString(sizes), rows()));
        }
        List<List<Integer>> groups = shuffledGroups(seed);
        Map<String, double[]> wanted = new HashMap<>();
        Map<String, Integer> totals = new TreeMap<>();
        labels.forEach(label -> totals.merge(label, 1, Integer::sum));
        totals.forEach((label, count) -> wanted.put(
                label,
                Arrays.stream(sizes)
                        .mapToDouble(size -> size * (double) count / rows())
                        .toArray()));
        double[] room = Arrays.stream(sizes).asDoubleStream().toArray();
        int[] parts = new int[rows()];
        for (List<Integer> group : groups) {
            int best = best(group, wanted, room);
            for (int row : group) {
                parts[row] = best;
                wanted.get(labels.get(row))[best]--;
                room[best]--;
            }
        }
        return parts;
    }

    /// The part with room for the group in which the labels of its rows are wanted most; without room
    /// anywhere, the one with the most room left.
    private int best(List<Integer> group, Map<String, double[]> wanted, double[] room) {
        int best = -1;
        double most = 0;
        for (int part = 0; part < room.length; part++) {
            double need = 0;
            for (int row : group) {
                need += wanted.get(labels.get(row))[part];
            }
            boolean fits = room[part] >= group.size();
            double score = fits ? 1e12 + need : room[part];
            if (best < 0 || score > most) {
                best = part;
                most = score;
            }
        }
        return best;
    }

    private List<List<Integer>> shuffledGroups(long seed) {
        Map<Integer, List<Integer>> byRoot = new TreeMap<>();
        for (int row = 0; row < rows(); row++) {
            byRoot.computeIfAbsent(together.root(row), _ -> new ArrayList<>()).add(row);
        }
        List<List<Integer>> groups = new ArrayList<>(byRoot.values());
        Collections.shuffle(groups, new Random(seed));
        groups.sort(Comparator.comparingInt((List<Integer> group) -> -group.size()));
        return groups;
    }

    /// Rows in each part from shares of all: the largest remainders are rounded up, and no part that is
    /// wanted stays empty where there are rows enough.
    public static long[] sizes(double[] shares, long rows) {
        double sum = Arrays.stream(shares).sum();
        if (Arrays.stream(shares).anyMatch(share -> !(share >= 0)) || !(Math.abs(sum - 1) < 1e-9)) {
            throw new IllegalArgumentException("the shares of the parts are %s; expected numbers that add up to 1"
                    .formatted(Arrays.toString(shares)));
        }
        long[] sizes = new long[shares.length];
        Integer[] order = new Integer[shares.length];
        long left = rows;
        for (int i = 0; i < shares.length; i++) {
            sizes[i] = (long) Math.floor(shares[i] * rows + 1e-9);
            left -= sizes[i];
            order[i] = i;
        }
        Arrays.sort(order, Comparator.comparingDouble(i -> sizes[i] - shares[i] * rows));
        for (int i = 0; left > 0; i++, left--) {
            sizes[order[i]]++;
        }
        for (int i = 0; i < sizes.length; i++) {
            if (shares[i] > 0 && sizes[i] == 0) {
                int largest = 0;
                for (int k = 1; k < sizes.length; k++) {
                    largest = sizes[k] > sizes[largest] ? k : largest;
                }
                if (sizes[largest] > 1) {
                    sizes[largest]--;
                    sizes[i]++;
                }
            }
        }
        return sizes;
    }

    /// Which rows stay together: disjoint sets (Tarjan 1975), the root of each its first row.
    private static final class Together {
        private int[] parent = new int[16];
        private int size;

        int add() {
            parent = size < parent.length ? parent : Arrays.copyOf(parent, 2 * size);
            parent[size] = size;
            return size++;
        }

        int root(int row) {
            int root = row;
            while (parent[root] != root) {
                parent[root] = parent[parent[root]];
                root = parent[root];
            }
            return root;
        }

        void join(int a, int b) {
            int first = root(a);
            int second = root(b);
            parent[Math.max(first, second)] = Math.min(first, second);
        }
    }
}
