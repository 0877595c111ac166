package dev.graft.cli;

import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.Optional;

/// What somebody may have meant who typed something unknown.
final class Nearest {
    private Nearest() {}

    /// The known word that is fewest edits away, when those are few for its length.
    static Optional<String> of(String typed, Collection<String> known) {
        return known.stream()
                .filter(word -> edits(typed, word) <= Math.max(2, typed.length() / 3)
                        || typed.length() > 3 && word.startsWith(typed))
                .min(Comparator.comparingInt(word -> word.startsWith(typed) ? 0 : edits(typed, word)));
    }

    /// Levenshtein's distance, one row at a time.
    static int edits(String from, String to) {
        int[] row = new int[to.length() + 1];
        Arrays.setAll(row, j -> j);
        for (int i = 1; i <= from.length(); i++) {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= to.length(); j++) {
                int replaced = diagonal + (from.charAt(i - 1) == to.charAt(j - 1) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.min(replaced, 1 + Math.min(row[j], row[j - 1]));
            }
        }
        return row[to.length()];
    }
}
