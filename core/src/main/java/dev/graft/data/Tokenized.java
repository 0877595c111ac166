package dev.graft.data;

/// One example as tokens, and which of them are learnt.
///
/// @param ids     `[time]`, the token ids
/// @param labels  `[time]`, true where the token carries loss, being predicted from those before it; never
///                the first
/// @param row     number of the row it came from
public record Tokenized(int[] ids, boolean[] labels, int row) {

    public Tokenized {
        if (ids.length == 0 || ids.length != labels.length) {
            throw new IllegalArgumentException(
                    "row %d has %d ids and %d labels; expected as many of both and at least one"
                            .formatted(row, ids.length, labels.length));
        }
        if (labels[0]) {
            throw new IllegalArgumentException(
                    "row %d labels its first token, which nothing comes before to predict it from".formatted(row));
        }
    }

    public int tokens() {
        return ids.length;
    }

    public int labelledCount() {
        int count = 0;
        for (boolean label : labels) {
            count += label ? 1 : 0;
        }
        return count;
    }
}
