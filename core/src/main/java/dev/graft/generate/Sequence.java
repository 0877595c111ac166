package dev.graft.generate;

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

    /// Tokens that the model has yet to read: the prompt, then the newest token each time.
    int[] unread() {
        return count == 0 ? prompt : new int[] {made[count - 1]};
    }

    /// How many tokens the model has read, which is the position of the first [#unread] one.
    int read() {
        return count == 0 ? 0 : prompt.length + count - 1;
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
