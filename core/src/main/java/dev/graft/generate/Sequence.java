package dev.graft.generate;

import dev.graft.model.LanguageModel;
import java.util.Arrays;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.IntConsumer;

/// One prompt and what grows from it.
final class Sequence {
    private final int[] prompt;
    private final SplittableRandom random;
    private final IntConsumer onToken;
    private final int[] made;
    private int count;
    private boolean stopped;

    /// @param room tokens it may grow by
    Sequence(int[] prompt, int room, SplittableRandom random, IntConsumer onToken) {
        this.prompt = prompt;
        this.random = random;
        this.onToken = onToken;
        this.made = new int[room];
    }

    /// Tokens that the model has yet to read: the prompt, then the newest token each time, or all of
    /// them where what it read is no longer right.
    ///
    /// @param model what reads them
    int[] unread(LanguageModel model) {
        if (read(model) > 0) {
            return new int[] {made[count - 1]};
        }
        int[] all = Arrays.copyOf(prompt, prompt.length + count);
        System.arraycopy(made, 0, all, prompt.length, count);
        return all;
    }

    /// How many tokens the model has read and need not read again, which is the position of the first
    /// [#unread] one.
    int read(LanguageModel model) {
        int before = prompt.length + count - 1;
        return count == 0 || model.cacheHolds(before) <= before ? 0 : before;
    }

    SplittableRandom random() {
        return random;
    }

    /// Slots it needs in a cache: the last new token is never read.
    int capacity() {
        return prompt.length + made.length - 1;
    }

    void take(int id, Set<Integer> stopIds) {
        if (stopIds.contains(id)) {
            stopped = true;
            return;
        }
        made[count++] = id;
        onToken.accept(id);
    }

    boolean isDone() {
        return stopped || count == made.length;
    }

    Generated result() {
        return new Generated(Arrays.copyOf(made, count), stopped);
    }
}
