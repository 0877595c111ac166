package dev.graft.nn;

import dev.graft.kernel.Kernels.Ranges;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/// One run of tokens through a model: no padding, documents one after another.
///
/// @param ids       token ids
/// @param positions of each token in its document, from 0
/// @param ranges    for each token the keys it may see: tokens of this run, or slots of the cache when there
///                  is one
/// @param cached    where keys of these tokens go and earlier ones lie, for decoding
public record TokenRun(int[] ids, int[] positions, Ranges ranges, Optional<Cached> cached) {
    /// @param slots for each token of the run its slot in the cache
    public record Cached(KvCache cache, int[] slots) {}

    public TokenRun {
        if (ids.length != positions.length || ids.length != ranges.rows()) {
            throw new IllegalArgumentException("%d ids, %d positions and %d ranges; expected as many of each"
                    .formatted(ids.length, positions.length, ranges.rows()));
        }
    }

    public int tokens() {
        return ids.length;
    }

    /// For each token how long its document is: up to the last of its tokens in this run.
    public int[] lengths() {
        Map<Integer, Integer> byDocument = new HashMap<>();
        for (int i = 0; i < ids.length; i++) {
            byDocument.merge(ranges.first()[i], positions[i] + 1, Math::max);
        }
        return Arrays.stream(ranges.first()).map(byDocument::get).toArray();
    }

    /// Whole documents, each attending to itself alone, causally.
    ///
    /// @param documentStarts offset of each document in `ids`, and the total length at the end
    public static TokenRun documents(int[] ids, int[] documentStarts) {
        int[] positions = new int[ids.length];
        int[] first = new int[ids.length];
        int[] end = new int[ids.length];
        for (int d = 0; d + 1 < documentStarts.length; d++) {
            for (int i = documentStarts[d]; i < documentStarts[d + 1]; i++) {
                positions[i] = i - documentStarts[d];
                first[i] = documentStarts[d];
                end[i] = i + 1;
            }
        }
        return new TokenRun(ids, positions, new Ranges(first, end), Optional.empty());
    }

    /// One document.
    public static TokenRun document(int[] ids) {
        return documents(ids, new int[] {0, ids.length});
    }

    /// Tokens of sequences that each own a stretch of a cache, where the token at position `p` lies `p`
    /// slots after the stretch's first: each attends to its own sequence up to itself.
    ///
    /// @param firstSlots for each token the first slot of its sequence
    public static TokenRun inCache(int[] ids, int[] positions, int[] firstSlots, KvCache cache) {
        int[] slots = new int[ids.length];
        int[] end = new int[ids.length];
        for (int i = 0; i < ids.length; i++) {
            slots[i] = firstSlots[i] + positions[i];
            end[i] = slots[i] + 1;
        }
        return new TokenRun(ids, positions, new Ranges(firstSlots, end), Optional.of(new Cached(cache, slots)));
    }
}
