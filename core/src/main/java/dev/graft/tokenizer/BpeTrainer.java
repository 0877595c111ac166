package dev.graft.tokenizer;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Learns a byte-level BPE vocabulary from text: starting from the 256 bytes, the most frequent pair of
/// neighbouring tokens becomes a token of its own, until the vocabulary is full or no pair occurs twice.
///
/// Text is first cut into words by a regular expression, and no token crosses a cut. Equally frequent pairs
/// are taken in the order of their ids, so the same texts give the same vocabulary whatever their order.
///
/// Sennrich et al. 2016, <https://arxiv.org/abs/1508.07909>, on bytes as in GPT-2.
///
/// @param vocabSize      tokens in all: special tokens, 256 bytes and merges
/// @param specialTokens  get the first ids; the first of them begins and ends every text, see [BpeVocabulary]
/// @param split          what a word is, for Java and the Rust tokenizers alike: [#GPT2] or [#BARE_WORDS]
public record BpeTrainer(int vocabSize, List<String> specialTokens, String split) {
    /// GPT-2's cut, except that every digit stands alone: a contraction; letters or signs with the space
    /// before them; a digit; other white space. What suits prose.
    public static final String GPT2 = "'(?:[sdmt]|ll|ve|re)| ?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

    /// Spaces stand alone as well, so that a word is the same token after a space, a quote or a line break.
    /// Prose takes almost twice the tokens, but a small model can copy words from prose into JSON without
    /// learning each one twice.
    public static final String BARE_WORDS = "\\p{L}+|\\p{N}|[^\\s\\p{L}\\p{N}]+|\\s+";

    private static final int BYTES = 256;

    public BpeTrainer {
        specialTokens = List.copyOf(specialTokens);
        if (specialTokens.isEmpty()) {
            throw new IllegalArgumentException("no special token; the first one marks the begin and end of a text");
        }
        if (vocabSize < specialTokens.size() + BYTES) {
            throw new IllegalArgumentException("vocabSize is %d; %d special tokens and the 256 bytes need at least %d"
                    .formatted(vocabSize, specialTokens.size(), specialTokens.size() + BYTES));
        }
    }

    /// Learns from `texts`. Special tokens written out in a text are left out: they are never cut nor merged.
    public BpeVocabulary train(Iterable<String> texts) {
        List<byte[]> tokens = new ArrayList<>();
        for (String special : specialTokens) {
            tokens.add(special.getBytes(StandardCharsets.UTF_8));
        }
        for (int b = 0; b < BYTES; b++) {
            tokens.add(new byte[] {(byte) b});
        }
        var pairs = new PairCounts(words(texts));
        List<BpeVocabulary.Merge> merges = new ArrayList<>();
        while (tokens.size() < vocabSize) {
            Pair best = pairs.mostFrequent();
            if (best == null) {
                break;
            }
            pairs.merge(best, tokens.size());
            merges.add(new BpeVocabulary.Merge(best.left(), best.right()));
            tokens.add(joined(tokens.get(best.left()), tokens.get(best.right())));
        }
        return new BpeVocabulary(specialTokens, split, tokens, merges);
    }

    /// Every distinct word with how often it occurs, in alphabetical order so that the order of texts cannot
    /// matter.
    private List<Word> words(Iterable<String> texts) {
        Map<String, Long> counts = new TreeMap<>();
        Pattern wordPattern = Pattern.compile(split, Pattern.UNICODE_CHARACTER_CLASS);
        Pattern specials = Pattern.compile(
                String.join("|", specialTokens.stream().map(Pattern::quote).toList()));
        for (String text : texts) {
            for (String plain : specials.split(text)) {
                Matcher word = wordPattern.matcher(plain);
                while (word.find()) {
                    counts.merge(word.group(), 1L, Long::sum);
                }
            }
        }
        List<Word> words = new ArrayList<>(counts.size());
        counts.forEach((text, count) -> words.add(new Word(ids(text), count)));
        return words;
    }

    private int[] ids(String word) {
        byte[] bytes = word.getBytes(StandardCharsets.UTF_8);
        int[] ids = new int[bytes.length];
        for (int i = 0; i < bytes.length; i++) {
            ids[i] = specialTokens.size() + (bytes[i] & 0xff);
        }
        return ids;
    }

    private static byte[] joined(byte[] left, byte[] right) {
        byte[] both = Arrays.copyOf(left, left.length + right.length);
        System.arraycopy(right, 0, both, left.length, right.length);
        return both;
    }

    /// A distinct word of the texts as the tokens it consists of so far.
    private static final class Word {
        int[] ids;
        final long count;

        Word(int[] ids, long count) {
            this.ids = ids;
            this.count = count;
        }

        /// Every occurrence of the pair becomes `merged`, from left to right.
        void merge(Pair pair, int merged) {
            int length = 0;
            for (int i = 0; i < ids.length; i++) {
                boolean here = i + 1 < ids.length && ids[i] == pair.left() && ids[i + 1] == pair.right();
                ids[length++] = here ? merged : ids[i];
                i += here ? 1 : 0;
            }
            ids = Arrays.copyOf(ids, length);
        }
    }

    private record Pair(int left, int right) {}

    /// A pair with the count it had when queued; stale once the count has changed.
    private record Candidate(Pair pair, long count) implements Comparable<Candidate> {
        @Override
        public int compareTo(Candidate other) {
            int byCount = Long.compare(other.count, count);
            int byLeft = byCount != 0 ? byCount : Integer.compare(pair.left, other.pair.left);
            return byLeft != 0 ? byLeft : Integer.compare(pair.right, other.pair.right);
        }
    }

    /// How often each pair of neighbours occurs, and in which words; a merge touches only the words that
    /// hold its pair.
    private static final class PairCounts {
        private final Map<Pair, Long> counts = new HashMap<>();
        private final Map<Pair, Set<Word>> places = new HashMap<>();
        private final PriorityQueue<Candidate> queue = new PriorityQueue<>();

        PairCounts(List<Word> words) {
            for (Word word : words) {
                add(word, word.count);
            }
            counts.forEach((pair, count) -> queue.add(new Candidate(pair, count)));
        }

        /// The pair to merge next, or null when none occurs twice.
        Pair mostFrequent() {
            while (!queue.isEmpty()) {
                Candidate candidate = queue.poll();
                if (candidate.count >= 2 && candidate.count == counts.getOrDefault(candidate.pair, 0L)) {
                    return candidate.pair;
                }
            }
            return null;
        }

        void merge(Pair pair, int merged) {
            Set<Pair> changed = new LinkedHashSet<>();
            for (Word word : places.remove(pair)) {
                changed.addAll(add(word, -word.count));
                word.merge(pair, merged);
                changed.addAll(add(word, word.count));
            }
            for (Pair one : changed) {
                queue.add(new Candidate(one, counts.getOrDefault(one, 0L)));
            }
        }

        /// Adds `weight` for each pair in the word, and returns those pairs.
        private List<Pair> add(Word word, long weight) {
            List<Pair> seen = new ArrayList<>();
            for (int i = 0; i + 1 < word.ids.length; i++) {
                var pair = new Pair(word.ids[i], word.ids[i + 1]);
                counts.merge(pair, weight, Long::sum);
                if (weight > 0) {
                    places.computeIfAbsent(pair, p -> new LinkedHashSet<>()).add(word);
                }
                seen.add(pair);
            }
            return seen;
        }
    }
}
