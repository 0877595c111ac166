package dev.graft.data.prepare;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/// Texts met so far, and which of them a new one nearly repeats: MinHash signatures in bands (Broder
/// 1997; Indyk and Motwani 1998), every candidate checked by its exact Jaccard similarity, so that
/// nothing is called a duplicate on the strength of a hash.
///
/// The bands are chosen so that a pair exactly at the threshold is found with a probability of 99.5 %;
/// pairs above it more surely. Not for several threads; [#sketch] is.
public final class NearDuplicates {
    private static final int HASHES = 128;
    private static final double FOUND = 0.995;
    private static final long[] SEEDS = seeds();

    private final double threshold;
    private final int rowsOfBand;
    private final List<Shingles> texts = new ArrayList<>();
    private final List<Band> bands = new ArrayList<>();

    /// @param threshold Jaccard similarity of runs of three words from which two texts count as nearly
    ///                  the same, more than 0 and at most 1; 0.8 is usual
    public NearDuplicates(double threshold) {
        if (!(threshold > 0 && threshold <= 1)) {
            throw new IllegalArgumentException(
                    "the similarity of near-duplicates is %s; expected more than 0 and at most 1, such as 0.8"
                            .formatted(threshold));
        }
        this.threshold = threshold;
        this.rowsOfBand = rowsOfBand(threshold);
        for (int band = 0; band < HASHES / rowsOfBand; band++) {
            bands.add(new Band());
        }
    }

    /// An earlier text that is nearly the same.
    ///
    /// @param index      how many texts were added before it
    /// @param similarity Jaccard, from the threshold to 1
    public record Match(int index, double similarity) {}

    /// A text made comparable.
    public static final class Sketch {
        private final Shingles shingles;
        private final long[] bandKeys;

        private Sketch(Shingles shingles, long[] bandKeys) {
            this.shingles = shingles;
            this.bandKeys = bandKeys;
        }
    }

    /// The work of one text that needs no other; several threads may do it at once.
    public Sketch sketch(String text) {
        Shingles shingles = Shingles.of(text);
        long[] keys = new long[bands.size()];
        for (int band = 0; band < keys.length; band++) {
            long key = band;
            for (int row = 0; row < rowsOfBand; row++) {
                key = Shingles.mixed(key ^ least(shingles, SEEDS[band * rowsOfBand + row]));
            }
            keys[band] = key;
        }
        return new Sketch(shingles, keys);
    }

    private static long least(Shingles shingles, long seed) {
        long least = Long.MAX_VALUE;
        for (int i = 0; i < shingles.size(); i++) {
            long z = (shingles.get(i) ^ seed) * 0xbf58476d1ce4e5b9L;
            least = Math.min(least, z ^ (z >>> 32));
        }
        return least;
    }

    /// Earlier texts that this one nearly repeats, the most similar first, among equals the earliest.
    public List<Match> matches(Sketch sketch) {
        Set<Integer> candidates = new LinkedHashSet<>();
        for (int band = 0; band < bands.size(); band++) {
            bands.get(band).collect((int) sketch.bandKeys[band], candidates);
        }
        return candidates.stream()
                .map(i -> new Match(i, texts.get(i).similarity(sketch.shingles)))
                .filter(match -> match.similarity >= threshold)
                .sorted(Comparator.comparingDouble((Match match) -> -match.similarity)
                        .thenComparingInt(Match::index))
                .toList();
    }

    /// The most similar earlier text.
    public Optional<Match> nearest(Sketch sketch) {
        return matches(sketch).stream().findFirst();
    }

    /// Remembers a text for those that follow.
    ///
    /// @return its index, counted from 0
    public int add(Sketch sketch) {
        int index = texts.size();
        texts.add(sketch.shingles);
        for (int band = 0; band < bands.size(); band++) {
            bands.get(band).add((int) sketch.bandKeys[band], index);
        }
        return index;
    }

    /// Which texts have which key of one band: chains of texts behind a table, some twenty bytes a text.
    private static final class Band {
        private int[] keys = new int[64];
        private int[] before = new int[64]; // the text of the same place that came before, plus one
        private int[] last = new int[128]; // the last text of a place, plus one

        void collect(int key, Set<Integer> found) {
            for (int at = last[key & last.length - 1]; at > 0; at = before[at - 1]) {
                if (keys[at - 1] == key) {
                    found.add(at - 1);
                }
            }
        }

        void add(int key, int index) {
            if (index == keys.length) {
                keys = Arrays.copyOf(keys, 2 * index);
                before = new int[2 * index];
                last = new int[4 * index];
                for (int i = 0; i < index; i++) {
                    link(i);
                }
            }
            keys[index] = key;
            link(index);
        }

        private void link(int index) {
            int place = keys[index] & last.length - 1;
            before[index] = last[place];
            last[place] = index + 1;
        }
    }

    /// The most hashes a band may join so that pairs at the threshold still share one of the bands.
    private static int rowsOfBand(double threshold) {
        int rows = 1;
        while (rows < 32 && 1 - Math.pow(1 - Math.pow(threshold, rows + 1), HASHES / (rows + 1)) >= FOUND) {
            rows++;
        }
        return rows;
    }

    private static long[] seeds() {
        long[] seeds = new long[HASHES];
        for (int i = 0; i < HASHES; i++) {
            seeds[i] = Shingles.mixed(i + 1);
        }
        return seeds;
    }
}
