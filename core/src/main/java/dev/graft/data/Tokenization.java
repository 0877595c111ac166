package dev.graft.data;

import dev.graft.data.RowChange.What;
import java.util.List;
import java.util.function.Predicate;

/// Tokenised rows, and what was done to those that did not fit.
///
/// @param examples   in the order of the rows
/// @param changes    the rows of which not every token is trained on
/// @param fused      numbers of the rows in which the end of the prompt fuses with the start of the
///                   completion, so that the prompt alone, as in generation, has other tokens than in
///                   training
public record Tokenization(Examples examples, List<RowChange> changes, List<Integer> fused) {

    private static final Predicate<RowChange> TOO_LONG =
            change -> change.reason().startsWith(Cutting.TOO_LONG);

    public Tokenization {
        changes = List.copyOf(changes);
        fused = List.copyOf(fused);
    }

    /// Some of the examples, as if the others had not been read.
    public Tokenization part(int from, int to) {
        return new Tokenization(examples.part(from, to), List.of(), List.of());
    }

    /// Numbers of the rows that lost their beginning or their end.
    public List<Integer> truncated() {
        return rows(What.CUT);
    }

    /// Numbers of the rows that became several examples.
    public List<Integer> split() {
        return rows(What.SPLIT);
    }

    /// Numbers of the rows that were left out.
    public List<Integer> dropped() {
        return rows(What.DROPPED);
    }

    private List<Integer> rows(What what) {
        return changes.stream()
                .filter(change -> change.what() == what)
                .map(RowChange::row)
                .toList();
    }

    public long tokens() {
        long tokens = 0;
        for (int i = 0; i < examples.size(); i++) {
            tokens += examples.tokens(i);
        }
        return tokens;
    }

    public long labelledTokens() {
        long labelled = 0;
        for (int i = 0; i < examples.size(); i++) {
            labelled += examples.labelled(i);
        }
        return labelled;
    }

    /// One line for a log: how much there is, and every row that is not as it was written.
    public String summary() {
        var text = new StringBuilder("%,d examples, %,d tokens, %,d of them labelled"
                .formatted(examples.size(), tokens(), labelledTokens()));
        count(text, What.CUT, _ -> true, "cut");
        count(text, What.SPLIT, _ -> true, "split");
        count(text, What.DROPPED, TOO_LONG, "dropped as too long");
        count(text, What.DROPPED, TOO_LONG.negate(), "dropped, as nothing in them is learnt");
        if (!fused.isEmpty()) {
            text.append(
                    "; in %,d rows the end of the prompt fuses with the start of the completion (begin the completion with the space instead of ending the prompt with it)"
                            .formatted(fused.size()));
        }
        return text.toString();
    }

    private void count(StringBuilder text, What what, Predicate<RowChange> which, String done) {
        long count = changes.stream()
                .filter(change -> change.what() == what)
                .filter(which)
                .count();
        if (count > 0) {
            text.append("; %,d %s %s".formatted(count, count == 1 ? "row" : "rows", done));
        }
    }
}
