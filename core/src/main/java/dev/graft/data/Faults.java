package dev.graft.data;

import java.util.ArrayList;
import java.util.List;

/// Everything that is wrong with the rows of a file, gathered to be said once.
final class Faults {
    private static final int SHOWN = 10;

    private final List<String> lines = new ArrayList<>();
    private int count;

    void add(int row, String reason) {
        count++;
        if (lines.size() < SHOWN) {
            lines.add("row %d: %s".formatted(row, reason));
        }
    }

    int count() {
        return count;
    }

    /// Throws when there is any fault: the heading, the first faults one a line, and what to do.
    void throwIfAny(String heading, String advice) {
        if (!lines.isEmpty()) {
            throw new IllegalArgumentException(text(heading, advice));
        }
    }

    String text(String heading, String advice) {
        var message = new StringBuilder(heading);
        lines.stream().limit(SHOWN).forEach(line -> message.append("\n  ").append(line));
        if (count > SHOWN) {
            message.append("\n  … and %,d more".formatted(count - SHOWN));
        }
        return message.append('\n').append(advice).toString().stripTrailing();
    }
}
