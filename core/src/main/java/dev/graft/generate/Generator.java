package dev.graft.generate;

import dev.graft.autograd.Tape;
import dev.graft.model.LanguageModel;
import dev.graft.nn.KvCache;
import dev.graft.nn.TokenRun;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.IntConsumer;

/// Continues prompts token by token, many at a time, with a key-value cache.
///
/// Each sequence owns a stretch of the cache's slots. All prompts of a group go through the model as one
/// packed run; then each step is a run of one token for every sequence that has not ended, and what a step
/// makes is freed with it. A sequence's random choices depend on the seed, its prompt, and how often the
/// same prompt stands before it in the list, so what else is generated beside it does not change it (up to
/// the rounding of matrix products, whose order of summation may depend on the number of rows).
public final class Generator {
    /// What runs at one time. A single sequence may exceed the limit of tokens: it then runs alone.
    ///
    /// @param maxSequences    sequences in one group
    /// @param maxCachedTokens slots of one group's cache; a token takes `2 · layers · keyHeads · headDim`
    ///                        numbers
    public record Limits(int maxSequences, int maxCachedTokens) {
        public Limits {
            if (maxSequences < 1 || maxCachedTokens < 1) {
                throw new IllegalArgumentException("the limits are %d sequences and %d cached tokens; both count from 1"
                        .formatted(maxSequences, maxCachedTokens));
            }
        }

        /// 32 sequences, 16,384 tokens.
        public static Limits defaults() {
            return new Limits(32, 16_384);
        }
    }

    private final LanguageModel model;
    private final Set<Integer> stopIds;
    private final Limits limits;

    /// @param stopIds tokens that end a sequence; they are not part of the result
    public Generator(LanguageModel model, Set<Integer> stopIds) {
        this(model, stopIds, Limits.defaults());
    }

    public Generator(LanguageModel model, Set<Integer> stopIds, Limits limits) {
        this.model = model;
        this.stopIds = Set.copyOf(stopIds);
        this.limits = limits;
    }

    /// Continues each prompt until a stop token, the asked number of tokens, or the end of the model's
    /// positions.
    ///
    /// @param prompts token ids, at least one each
    /// @return        one result a prompt, in their order
    public List<Generated> generate(List<int[]> prompts, GenerationSettings settings) {
        Map<List<Integer>, Integer> occurrences = new HashMap<>();
        List<Sequence> sequences = new ArrayList<>();
        for (int i = 0; i < prompts.size(); i++) {
            int[] prompt = prompts.get(i);
            check(prompt, prompts.size() == 1 ? "the prompt" : "prompt " + (i + 1));
            int before = occurrences.merge(Arrays.stream(prompt).boxed().toList(), 1, Integer::sum) - 1;
            sequences.add(sequence(prompt, before, settings, id -> {}));
        }
        groups(sequences).forEach(group -> run(group, new Sampler(settings)));
        return sequences.stream().map(Sequence::result).toList();
    }

    /// Continues one prompt and hands on each token as it comes.
    ///
    /// @param onToken gets every token of the result, in order; what it throws ends the generation
    public Generated generate(int[] prompt, GenerationSettings settings, IntConsumer onToken) {
        check(prompt, "the prompt");
        Sequence sequence = sequence(prompt, 0, settings, onToken);
        run(List.of(sequence), new Sampler(settings));
        return sequence.result();
    }

    private Sequence sequence(int[] prompt, int occurrence, GenerationSettings settings, IntConsumer onToken) {
        int room = Math.min(settings.maxNewTokens(), model.maxPositions() - prompt.length);
        // SplittableRandom mixes its seed well, so sums of a few multiples keep streams apart
        long seed = settings.seed() * 0x9E3779B97F4A7C15L + Arrays.hashCode(prompt) * 0xD1B54A32D192ED03L + occurrence;
        return new Sequence(prompt.clone(), room, new SplittableRandom(seed), onToken);
    }

    private void check(int[] prompt, String name) {
        if (prompt.length == 0) {
            throw new IllegalArgumentException(
                    "%s has no tokens; a model needs at least one to continue, such as its beginning-of-text token"
                            .formatted(name));
        }
        if (prompt.length >= model.maxPositions()) {
            throw new IllegalArgumentException(
                    "%s has %,d tokens and the model was made for %,d, which leaves no room for new ones; shorten it to at most %,d"
                            .formatted(name, prompt.length, model.maxPositions(), model.maxPositions() - 1));
        }
        for (int id : prompt) {
            if (id < 0 || id >= model.vocabularySize()) {
                throw new IllegalArgumentException(
                        "%s holds the token id %d; this model's ids go from 0 to %d. Is its tokenizer another model's?"
                                .formatted(name, id, model.vocabularySize() - 1));
            }
        }
    }

    /// Neighbours that together keep the limits.
    private List<List<Sequence>> groups(List<Sequence> sequences) {
        List<List<Sequence>> groups = new ArrayList<>();
        List<Sequence> group = new ArrayList<>();
        long slots = 0;
        for (Sequence sequence : sequences) {
            boolean full = group.size() == limits.maxSequences || slots + sequence.capacity() > limits.maxCachedTokens;
            if (full && !group.isEmpty()) {
                groups.add(group);
                group = new ArrayList<>();
                slots = 0;
            }
            group.add(sequence);
            slots += sequence.capacity();
        }
        if (!group.isEmpty()) {
            groups.add(group);
        }
        return groups;
    }

    /// A sequence and where its slots begin.
    private record Placed(Sequence sequence, int firstSlot) {}

    private void run(List<Sequence> group, Sampler sampler) {
        List<Placed> live = new ArrayList<>();
        int slots = 0;
        for (Sequence sequence : group) {
            live.add(new Placed(sequence, slots));
            slots += sequence.capacity();
        }
        try (KvCache cache = model.cache(slots)) {
            while (!live.isEmpty()) {
                advance(live, cache, sampler);
                live.removeIf(placed -> placed.sequence.isDone());
            }
        }
    }

    /// Everything unread through the model as one run, and one more token for each sequence.
    private void advance(List<Placed> live, KvCache cache, Sampler sampler) {
        int[] picked;
        try (Scope scope = Scope.open();
                Tape tape = Tape.silent(model.device())) {
            Unread unread = Unread.of(live, model);
            Tensor hidden = model.hidden(tape, unread.run(cache)).data();
            Tensor last = hidden.indexSelect(0, Tensor.of(unread.lastRows).to(model.device()));
            picked = sampler.pick(
                    model.logits(last),
                    live.stream().map(placed -> placed.sequence.random()).toList());
        }
        for (int i = 0; i < picked.length; i++) {
            live.get(i).sequence.take(picked[i], stopIds);
        }
    }

    /// The unread tokens of all sequences, one sequence after another, and the row of each sequence's last.
    private record Unread(int[] ids, int[] positions, int[] firstSlots, int[] lastRows) {
        static Unread of(List<Placed> live, LanguageModel model) {
            int tokens =
                    live.stream().mapToInt(p -> p.sequence.unread(model).length).sum();
            var all = new Unread(new int[tokens], new int[tokens], new int[tokens], new int[live.size()]);
            int row = 0;
            for (int i = 0; i < live.size(); i++) {
                Placed placed = live.get(i);
                int position = placed.sequence.read(model);
                for (int id : placed.sequence.unread(model)) {
                    all.ids[row] = id;
                    all.positions[row] = position++;
                    all.firstSlots[row] = placed.firstSlot;
                    row++;
                }
                all.lastRows[i] = row - 1;
            }
            return all;
        }

        TokenRun run(KvCache cache) {
            return TokenRun.inCache(ids, positions, firstSlots, cache);
        }
    }
}
