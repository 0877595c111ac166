package dev.graft.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.data.input.RawRow;
import dev.graft.data.input.RawRows;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// The rows of a file that a command gives back with something added, everything else in them kept.
final class DataRows {
    private static final int FAULTS_SHOWN = 10;

    private DataRows() {}

    /// Changes every row in place; any that cannot be used ends the command, with all of them named.
    interface Change {
        /// @throws IllegalArgumentException with the reason why the row cannot be used, as a clause
        void apply(ObjectNode row);
    }

    /// All rows of the file, changed.
    static List<ObjectNode> changed(Path file, Change change) {
        List<ObjectNode> all = new ArrayList<>();
        List<String> faults = new ArrayList<>();
        try (RawRows rows = RawRows.open(file)) {
            while (rows.hasNext()) {
                switch (rows.next()) {
                    case RawRow.Broken(int number, String reason) -> faults.add("row %d %s".formatted(number, reason));
                    case RawRow.Values(int number, ObjectNode row) -> {
                        try {
                            change.apply(row);
                            all.add(row);
                        } catch (IllegalArgumentException e) {
                            faults.add("row %d %s".formatted(number, e.getMessage()));
                        }
                    }
                }
            }
        }
        throwIfAny(file, faults);
        if (all.isEmpty()) {
            throw new IllegalArgumentException("%s holds no rows".formatted(file));
        }
        return all;
    }

    private static void throwIfAny(Path file, List<String> faults) {
        if (faults.isEmpty()) {
            return;
        }
        StringBuilder message = new StringBuilder("%s: %,d %s cannot be used; nothing was written:"
                .formatted(file, faults.size(), faults.size() == 1 ? "row" : "rows"));
        faults.stream()
                .limit(FAULTS_SHOWN)
                .forEach(line -> message.append("\n  ").append(line));
        if (faults.size() > FAULTS_SHOWN) {
            message.append("\n  … and %,d more".formatted(faults.size() - FAULTS_SHOWN));
        }
        throw new IllegalArgumentException(message.toString());
    }

    /// The rows as JSON lines.
    static byte[] lines(List<ObjectNode> rows) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        for (ObjectNode row : rows) {
            bytes.writeBytes(row.toString().getBytes(StandardCharsets.UTF_8));
            bytes.write('\n');
        }
        return bytes.toByteArray();
    }
}
