package dev.graft.data;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// The rows of one file as tokens, none of them cut yet.
interface TokenRows {
    Path file();

    int size();

    /// Number of a row in the file.
    int number(int index);

    /// Tokens of a row.
    int length(int index);

    /// Whether the row is a whole text, to be cut into windows.
    boolean windowed(int index);

    /// Whether the prompt has other tokens here than alone.
    boolean fused(int index);

    /// Why the row has no tokens; empty for one that has.
    String nothing(int index);

    LabelledTokens get(int index);

    /// Rows in memory.
    final class InMemory implements TokenRows {
        private final Path file;
        private final List<Integer> numbers = new ArrayList<>();
        private final List<Boolean> windowed = new ArrayList<>();
        private final List<LabelledTokens> rows = new ArrayList<>();

        InMemory(Path file) {
            this.file = file;
        }

        void add(Row row, LabelledTokens tokens) {
            numbers.add(row.number());
            windowed.add(row.isWindowed());
            rows.add(tokens);
        }

        @Override
        public Path file() {
            return file;
        }

        @Override
        public int size() {
            return rows.size();
        }

        @Override
        public int number(int index) {
            return numbers.get(index);
        }

        @Override
        public int length(int index) {
            return rows.get(index).length();
        }

        @Override
        public boolean windowed(int index) {
            return windowed.get(index);
        }

        @Override
        public boolean fused(int index) {
            return rows.get(index).fused();
        }

        @Override
        public String nothing(int index) {
            return rows.get(index).nothing();
        }

        @Override
        public LabelledTokens get(int index) {
            return rows.get(index);
        }
    }
}
