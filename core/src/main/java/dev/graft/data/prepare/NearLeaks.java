package dev.graft.data.prepare;

import dev.graft.data.prepare.NearDuplicates.Match;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/// Held-out texts, and which of them another text nearly repeats.
///
/// Texts are compared as [NearDuplicates] does, but for two things. Runs of words that many of the
/// held-out texts share (an instruction that stands in every prompt) say nothing about two of them and
/// do not count. And the search is exact, because only the held-out texts are kept: of a pair above the
/// threshold the text has at least one of any `|E| - ⌈t·|E|⌉ + 1` runs of the held-out one, and these
/// are looked up.
public final class NearLeaks {
    /// Runs in more of the held-out texts than this share of them, and than this number, do not count.
    private static final double COMMON_SHARE = 0.1;

    private static final int COMMON_LEAST = 3;

    /// With fewer runs that count, two texts are alike by chance.
    private static final int FEWEST_RUNS = 5;

    private final double threshold;
    private final Set<Long> common = new HashSet<>();
    private final List<Shingles> heldOut = new ArrayList<>();
    private final Map<Long, List<Integer>> index = new HashMap<>();

    /// A text made comparable.
    public static final class Text {
        private final Shingles runs;

        private Text(Shingles runs) {
            this.runs = runs;
        }
    }

    /// The work of one text that needs no other; several threads may do it at once.
    public static Text text(String text) {
        return new Text(Shingles.of(text));
    }

    /// @param threshold Jaccard similarity from which two texts count as nearly the same
    public NearLeaks(List<Text> texts, double threshold) {
        this.threshold = threshold;
        Map<Long, Integer> held = new HashMap<>();
        for (Text text : texts) {
            for (int i = 0; i < text.runs.size(); i++) {
                held.merge(text.runs.get(i), 1, Integer::sum);
            }
        }
        held.forEach((run, count) -> {
            if (count >= COMMON_LEAST && count > COMMON_SHARE * texts.size()) {
                common.add(run);
            }
        });
        for (Text text : texts) {
            Shingles runs = text.runs.without(common);
            int lookedUp = runs.size() - (int) Math.ceil(threshold * runs.size()) + 1;
            for (int i = 0; i < lookedUp && runs.size() >= FEWEST_RUNS; i++) {
                index.computeIfAbsent(runs.get(i), _ -> new ArrayList<>(1)).add(heldOut.size());
            }
            heldOut.add(runs);
        }
    }

    /// The held-out texts that this one nearly repeats. Several threads may ask at once.
    public List<Match> repeatedBy(Text text) {
        Shingles runs = null;
        Map<Integer, Match> matches = new TreeMap<>();
        for (int i = 0; i < text.runs.size(); i++) {
            for (int candidate : index.getOrDefault(text.runs.get(i), List.of())) {
                if (!matches.containsKey(candidate)) {
                    runs = runs == null ? text.runs.without(common) : runs;
                    matches.put(
                            candidate,
                            new Match(candidate, heldOut.get(candidate).similarity(runs)));
                }
            }
        }
        return matches.values().stream()
                .filter(match -> match.similarity() >= threshold)
                .toList();
    }
}
