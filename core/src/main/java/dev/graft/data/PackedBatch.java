package dev.graft.data;

import java.util.Arrays;

/// One run of tokens that holds whole documents one after the other, with nothing between them.
///
/// ```
/// ids             a a a b b c c c c        tokens = 9
/// documentStarts  0     3   5       9      documents = 3
/// positions       0 1 2 0 1 0 1 2 3
/// attentionStart  0 0 0 3 3 5 5 5 5        token i attends to tokens attentionStart[i] … i
/// ```
///
/// @param ids             `[tokens]`
/// @param documentStarts  `[documents + 1]`, index of each document's first token, and the number of tokens
///                        at the end
/// @param labels          `[tokens]`, true where the token carries loss; never at the first token of a
///                        document
public record PackedBatch(int[] ids, int[] documentStarts, boolean[] labels) {

    public PackedBatch {
        int last = documentStarts.length - 1;
        if (last < 1 || documentStarts[0] != 0 || documentStarts[last] != ids.length || labels.length != ids.length) {
            throw new IllegalArgumentException(
                    "document starts %s do not run from 0 to the number of tokens, %d (labels: %d)"
                            .formatted(Arrays.toString(documentStarts), ids.length, labels.length));
        }
        for (int d = 0; d < last; d++) {
            if (documentStarts[d] >= documentStarts[d + 1]) {
                throw new IllegalArgumentException(
                        "document starts %s do not grow".formatted(Arrays.toString(documentStarts)));
            }
            if (labels[documentStarts[d]]) {
                throw new IllegalArgumentException(
                        "token %d begins a document and is labelled, but nothing comes before to predict it from"
                                .formatted(documentStarts[d]));
            }
        }
    }

    public int tokens() {
        return ids.length;
    }

    public int documents() {
        return documentStarts.length - 1;
    }

    /// `[tokens]`, the place of each token in its document, from 0.
    public int[] positions() {
        int[] starts = attentionStart();
        int[] positions = new int[ids.length];
        Arrays.setAll(positions, i -> i - starts[i]);
        return positions;
    }

    /// `[tokens]`, for each token the index of the first token of its document.
    public int[] attentionStart() {
        int[] starts = new int[ids.length];
        for (int d = 0; d < documents(); d++) {
            Arrays.fill(starts, documentStarts[d], documentStarts[d + 1], documentStarts[d]);
        }
        return starts;
    }

    /// `[labelledCount]`, the rows of the hidden states that predict a labelled token: row `i` predicts
    /// token `i + 1`.
    public int[] labelledRows() {
        int[] rows = new int[labelledCount()];
        for (int i = 1, n = 0; i < ids.length; i++) {
            if (labels[i]) {
                rows[n++] = i - 1;
            }
        }
        return rows;
    }

    /// `[labelledCount]`, the token that each of [#labelledRows] has to predict.
    public int[] labelledTargets() {
        int[] targets = labelledRows();
        for (int n = 0; n < targets.length; n++) {
            targets[n] = ids[targets[n] + 1];
        }
        return targets;
    }

    public int labelledCount() {
        int count = 0;
        for (boolean label : labels) {
            count += label ? 1 : 0;
        }
        return count;
    }
}
