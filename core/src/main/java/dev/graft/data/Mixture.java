package dev.graft.data;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;

/// Which rows of several sources make up an epoch.
///
/// Without weights every row comes once, source after source. With weights the sources are interleaved as
/// Hugging Face datasets' `interleave_datasets` does: again and again a source is drawn with a probability in
/// proportion to its weight and gives its next row. The drawing ends when the first source has given its last
/// row, or, each source beginning again at its end, when every one has given all of its rows.
///
/// In what order the rows are trained on, the shuffle of each epoch decides ([Batches]).
public record Mixture(List<Double> weights, Stopping stopping) {

    /// When the interleaving of sources ends.
    public enum Stopping {
        /// no row comes twice; sources of little weight give only some of theirs
        FIRST_EXHAUSTED,
        /// every row comes at least once; sources of much weight give theirs several times
        ALL_EXHAUSTED
    }

    public Mixture {
        weights = List.copyOf(weights);
        for (double weight : weights) {
            if (!(weight > 0 && Double.isFinite(weight))) {
                throw new IllegalArgumentException("a weight is %s; expected a number above 0".formatted(weight));
            }
        }
    }

    /// Every row once.
    public static Mixture concatenated() {
        return new Mixture(List.of(), Stopping.FIRST_EXHAUSTED);
    }

    /// The source of each row, in the order in which they are drawn.
    ///
    /// @param sizes  rows that each source has
    int[] sources(int[] sizes, long seed) {
        if (weights.isEmpty()) {
            return IntStream.range(0, sizes.length)
                    .flatMap(source -> IntStream.generate(() -> source).limit(sizes[source]))
                    .toArray();
        }
        if (sizes.length != weights.size()) {
            throw new IllegalArgumentException(
                    "there are %d sources and %d weights; expected one each".formatted(sizes.length, weights.size()));
        }
        for (int source = 0; source < sizes.length; source++) {
            if (sizes[source] == 0) {
                throw new IllegalArgumentException(
                        "source %d has no row left to train on; hold out fewer rows, or leave the source out"
                                .formatted(source + 1));
            }
        }
        return drawn(sizes, new Random(seed));
    }

    private int[] drawn(int[] sizes, Random random) {
        double total = weights.stream().mapToDouble(Double::doubleValue).sum();
        int[] drawn = new int[1024];
        int count = 0;
        int[] next = new int[sizes.length];
        boolean[] exhausted = new boolean[sizes.length];
        while (!ended(exhausted)) {
            int source = draw(random.nextDouble() * total);
            if (count == drawn.length) {
                drawn = Arrays.copyOf(drawn, Math.multiplyExact(2, count));
            }
            drawn[count++] = source;
            if (++next[source] == sizes[source]) {
                exhausted[source] = true;
                next[source] = 0;
            }
        }
        return Arrays.copyOf(drawn, count);
    }

    private int draw(double at) {
        int source = 0;
        for (double sum = weights.getFirst(); at >= sum && source < weights.size() - 1; sum += weights.get(source)) {
            source++;
        }
        return source;
    }

    private boolean ended(boolean[] exhausted) {
        boolean all = true;
        boolean any = false;
        for (boolean one : exhausted) {
            all &= one;
            any |= one;
        }
        return stopping == Stopping.ALL_EXHAUSTED ? all : any;
    }
}
