package dev.graft.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.data.InOrder;
import dev.graft.data.Reading;
import dev.graft.data.input.InputFiles;
import dev.graft.data.input.RawRow;
import dev.graft.format.AtomicFiles;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;

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

    /// Takes what was made of one row.
    @FunctionalInterface
    interface ResultTaker<R> {
        /// @param where names the place of the row
        void take(String where, R result) throws IOException;
    }

    /// What was made of a row, or why nothing was.
    private record Made<R>(R result, String fault) {}

    /// The files that these arguments stand for, each a file, a folder or a pattern.
    static List<Path> files(List<String> inputs) {
        return inputs.stream().flatMap(input -> InputFiles.of(input).stream()).toList();
    }

    /// Hands over every row of the files. Rows that cannot be read, or that `taker` finds fault with by an
    /// [IllegalArgumentException], are named together in one exception at the end.
    static void each(List<Path> files, Taker taker) throws IOException {
        var faults = new Faulty(files);
        try (var rows = new PlacedRows(files, Reading.UNSEEN)) {
            while (rows.hasNext()) {
                PlacedRows.Placed row = rows.next();
                faults.rows++;
                switch (row.row()) {
                    case RawRow.Broken(int _, String reason) -> faults.add(row, reason);
                    case RawRow.Values(int _, ObjectNode columns) -> {
                        try {
                            taker.take(row.where(), columns);
                        } catch (IllegalArgumentException e) {
                            faults.add(row, e.getMessage());
                        }
                    }
                }
            }
        }
        faults.throwIfAny();
    }

    /// The same with some work on each row before it is taken, which all cores share; results are taken in
    /// the order of the rows.
    ///
    /// @param doing  what is done, for the progress
    /// @param broken takes rows that cannot be read and the reason; where it is empty they are faults
    static <R> void each(
            String doing,
            List<Path> files,
            Function<ObjectNode, R> work,
            ResultTaker<R> taker,
            Optional<ResultTaker<String>> broken) {
        var faults = new Faulty(files);
        try (var progress = new ReadingProgress(Console.stderr(), doing, files);
                var rows = new PlacedRows(files, progress)) {
            InOrder.run(rows, PlacedRows.Placed::size, row -> made(row, work), (row, made) -> {
                faults.rows++;
                try {
                    if (made.fault == null) {
                        taker.take(row.where(), made.result);
                    } else if (row.row() instanceof RawRow.Broken && broken.isPresent()) {
                        broken.get().take(row.where(), made.fault);
                    } else {
                        faults.add(row, made.fault);
                    }
                } catch (IllegalArgumentException e) {
                    faults.add(row, e.getMessage());
                } catch (IOException e) {
                    throw new UncheckedIOException(e.getMessage(), e);
                }
            });
        }
        faults.throwIfAny();
    }

    private static <R> Made<R> made(PlacedRows.Placed row, Function<ObjectNode, R> work) {
        return switch (row.row()) {
            case RawRow.Broken(int _, String reason) -> new Made<>(null, reason);
            case RawRow.Values(int _, ObjectNode columns) -> {
                try {
                    yield new Made<>(work.apply(columns), null);
                } catch (IllegalArgumentException e) {
                    yield new Made<>(null, e.getMessage());
                }
            }
        };
    }

    /// Rows that cannot be used, said at once.
    private static final class Faulty {
        private final List<Path> files;
        private final List<String> shown = new ArrayList<>();
        private long count;
        private long rows;

        Faulty(List<Path> files) {
            this.files = files;
        }

        void add(PlacedRows.Placed row, String reason) {
            if (++count <= FAULTS_SHOWN) {
                shown.add(row.where() + " " + reason);
            }
        }

        void throwIfAny() {
            if (count > 0) {
                throw new IllegalArgumentException(
                        "%,d of %,d rows cannot be used:\n  %s%s\nNothing was written. Correct these rows, or take them out."
                                .formatted(
                                        count,
                                        rows,
                                        String.join("\n  ", shown),
                                        count > FAULTS_SHOWN
                                                ? "\n  … and %,d more".formatted(count - FAULTS_SHOWN)
                                                : ""));
            }
            if (rows == 0) {
                throw new IllegalArgumentException("%s: there are no rows".formatted(names(files)));
            }
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
