package dev.graft.data;

import java.io.Serial;
import java.util.Arrays;

/// All tokens of one row before anything is cut, and which are learnt.
///
/// @param fused    whether the prompt has other tokens here than alone, as in generation
/// @param nothing  why nothing of the row could be learnt, so that it has no tokens; otherwise empty
record LabelledTokens(int[] ids, boolean[] labels, boolean fused, String nothing) {
    static final String NOTHING_ADVICE =
            "Remove these rows, or give each a completion, or something that the assistant says.";

    LabelledTokens(int[] ids, boolean[] labels, boolean fused) {
        this(ids, labels, fused, "");
    }

    /// The place of a row of which nothing can be learnt.
    static LabelledTokens nothing(String reason) {
        return new LabelledTokens(new int[0], new boolean[0], false, reason);
    }

    /// Tokens that are learnt from `first` on; nothing comes before the first of all to predict it from.
    static LabelledTokens from(int first, int[] ids, boolean fused) {
        boolean[] labels = new boolean[ids.length];
        Arrays.fill(labels, Math.max(1, Math.min(first, ids.length)), ids.length, true);
        return new LabelledTokens(ids, labels, fused);
    }

    /// The same tokens, all learnt but the first.
    LabelledTokens whole() {
        return from(0, ids, fused);
    }

    int length() {
        return ids.length;
    }

    /// How many tokens of a piece carry loss; the first cannot, having nothing before it.
    int labelled(int from, int to) {
        int count = 0;
        for (int i = from + 1; i < to; i++) {
            count += labels[i] ? 1 : 0;
        }
        return count;
    }

    /// Tokens `from` up to `to` as an example of their own.
    Tokenized piece(int from, int to, int row) {
        boolean[] labelled = Arrays.copyOfRange(labels, from, to);
        labelled[0] = false;
        return new Tokenized(Arrays.copyOfRange(ids, from, to), labelled, row);
    }

    /// A row of which nothing could be learnt; the message says why.
    static final class NothingToTrain extends IllegalArgumentException {
        @Serial
        private static final long serialVersionUID = 1;

        NothingToTrain(String reason) {
            super(reason);
        }
    }
}
