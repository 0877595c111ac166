package dev.graft.data;

import java.nio.file.Path;

/// A row of which not every token is trained on, because it is too long.
///
/// @param row     its number in the file
/// @param tokens  it has
/// @param kept    of them; 0 where it was left out
/// @param reason  why, as a report says it
public record RowChange(Path file, int row, What what, int tokens, int kept, String reason) {

    /// What became of a row.
    public enum What {
        /// lost its beginning or its end
        CUT,
        /// became several examples
        SPLIT,
        /// was left out
        DROPPED
    }
}
