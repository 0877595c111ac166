package dev.graft.data.prepare;

import java.lang.Character.UnicodeScript;
import java.util.Arrays;
import java.util.Set;

/// A text as the set of its runs of [#WORDS] words, each a 64-bit hash: what two texts share is what
/// their sets share.
///
/// Words are runs of letters and digits in lower case; in scripts written without spaces every character
/// is a word. A text with fewer words is one run, a text without words is itself.
final class Shingles {
    /// Words of a run. Five are usual for web pages; rows of instructions are short, and in ten words
    /// one that differs would leave one run of five alike.
    static final int WORDS = 3;

    private final long[] sorted;

    private Shingles(long[] sorted) {
        this.sorted = sorted;
    }

    static Shingles of(String text) {
        long[] words = new long[16];
        int count = 0;
        long word = 0;
        boolean inside = false;
        for (int i = 0; i < text.length(); ) {
            int c = text.codePointAt(i);
            i += Character.charCount(c);
            boolean alone = standsAlone(c);
            boolean part = !alone && Character.isLetterOrDigit(c);
            if (inside && !part) {
                words = put(words, count++, word);
            }
            if (alone) {
                words = put(words, count++, mixed(c));
            }
            word = part ? mixed((inside ? word : 0) * 31 + Character.toLowerCase(c)) : 0;
            inside = part;
        }
        if (inside) {
            words = put(words, count++, word);
        }
        if (count == 0) {
            return new Shingles(new long[] {mixed(text.strip().hashCode())});
        }
        int runs = Math.max(1, count - WORDS + 1);
        long[] hashes = new long[runs];
        for (int i = 0; i < runs; i++) {
            long hash = 0;
            for (int k = i; k < Math.min(count, i + WORDS); k++) {
                hash = mixed(hash ^ words[k]);
            }
            hashes[i] = hash;
        }
        return new Shingles(Arrays.stream(hashes).sorted().distinct().toArray());
    }

    private static boolean standsAlone(int c) {
        if (c < 0x0E00) {
            return false;
        }
        return switch (UnicodeScript.of(c)) {
            case HAN, HIRAGANA, KATAKANA, THAI, LAO, KHMER, MYANMAR -> Character.isLetterOrDigit(c);
            default -> false;
        };
    }

    private static long[] put(long[] words, int at, long word) {
        long[] room = at < words.length ? words : Arrays.copyOf(words, 2 * words.length);
        room[at] = word;
        return room;
    }

    /// Every bit of the result depends on every bit of `x` (the finaliser of SplittableRandom).
    static long mixed(long x) {
        long z = x + 0x9e3779b97f4a7c15L;
        z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
        z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
        return z ^ (z >>> 31);
    }

    int size() {
        return sorted.length;
    }

    long get(int i) {
        return sorted[i];
    }

    /// Those that are not in `others`.
    Shingles without(Set<Long> others) {
        return others.isEmpty()
                ? this
                : new Shingles(Arrays.stream(sorted)
                        .filter(run -> !others.contains(run))
                        .toArray());
    }

    /// Jaccard similarity: the share of runs of either text that both have, 0 to 1.
    double similarity(Shingles other) {
        int both = 0;
        for (int i = 0, k = 0; i < sorted.length && k < other.sorted.length; ) {
            int order = Long.compare(sorted[i], other.sorted[k]);
            both += order == 0 ? 1 : 0;
            i += order <= 0 ? 1 : 0;
            k += order >= 0 ? 1 : 0;
        }
        return both / (double) (sorted.length + other.sorted.length - both);
    }
}
