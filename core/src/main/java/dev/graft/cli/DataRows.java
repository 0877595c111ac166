package dev.graft.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.data.input.InputFiles;
import dev.graft.data.input.RawRow;
import dev.graft.data.input.RawRows;
import dev.graft.format.AtomicFiles;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/// The rows that a `graft data` command reads and writes, one at a time, whatever their files are.
final class DataRows {
    private static final int FAULTS_SHOWN = 10;
    private static final int BUFFER = 1 << 16;

    private DataRows() {}

    /// Takes one row.
    @FunctionalInterface
    interface Taker {
        /// @param where names its place, such as `train.jsonl row 17`
        void take(String where, ObjectNode row) throws IOException;
    }

    /// The files that these arguments stand for, each a file, a folder or a pattern.
    static List<Path> files(List<String> inputs) {
        return inputs.stream().flatMap(input -> InputFiles.of(input).stream()).toList();
    }

    /// Hands over every row of the files. Rows that cannot be read, or that `taker` finds fault with by an
    /// [IllegalArgumentException], are named together in one exception at the end.
    static void each(List<Path> files, Taker taker) throws IOException {
        List<String> faults = new ArrayList<>();
        long rows = 0;
        for (Path file : files) {
            try (RawRows reader = RawRows.open(file)) {
                while (reader.hasNext()) {
                    rows++;
                    RawRow row = reader.next();
                    String where = "%s row %d".formatted(file, row.number());
                    switch (row) {
                        case RawRow.Broken(int _, String reason) -> faults.add(where + " " + reason);
                        case RawRow.Values(int _, ObjectNode columns) -> {
                            try {
                                taker.take(where, columns);
                            } catch (IllegalArgumentException e) {
                                faults.add(where + " " + e.getMessage());
                            }
                        }
                    }
                }
            }
        }
        if (!faults.isEmpty()) {
            throw new IllegalArgumentException(
                    "%,d of %,d rows cannot be used:\n  %s%s\nNothing was written. Correct these rows, or take them out."
                            .formatted(
                                    faults.size(),
                                    rows,
                                    String.join("\n  ", faults.subList(0, Math.min(FAULTS_SHOWN, faults.size()))),
                                    faults.size() > FAULTS_SHOWN
                                            ? "\n  … and %,d more".formatted(faults.size() - FAULTS_SHOWN)
                                            : ""));
        }
        if (rows == 0) {
            throw new IllegalArgumentException("%s: there are no rows".formatted(names(files)));
        }
    }

    /// Writes every row of a file changed in place.
    ///
    /// @return how many
    static long change(Path input, Path output, Consumer<ObjectNode> change) {
        long[] count = {0};
        write(
                output,
                writer -> each(List.of(input), (_, row) -> {
                    change.accept(row);
                    writer.write(row);
                    count[0]++;
                }));
        return count[0];
    }

    static String names(List<Path> files) {
        return files.size() == 1
                ? files.getFirst().toString()
                : "%s and %s".formatted(files.getFirst(), Facts.count(files.size() - 1, "more file"));
    }

    /// Writes rows into a file of JSON lines.
    @FunctionalInterface
    interface Writer {
        void write(ObjectNode row) throws IOException;
    }

    /// Fills a writer.
    @FunctionalInterface
    interface Filling {
        void fill(Writer writer) throws IOException;
    }

    /// A file of JSON lines that is there whole, or not at all.
    static void write(Path file, Filling filling) {
        AtomicFiles.write(file, channel -> {
            OutputStream out = new BufferedOutputStream(Channels.newOutputStream(channel), BUFFER);
            filling.fill(row -> {
                out.write(row.toString().getBytes(StandardCharsets.UTF_8));
                out.write('\n');
            });
            out.flush();
        });
    }
}
