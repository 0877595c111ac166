package dev.graft.data;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.data.input.FileFormat;
import dev.graft.data.input.RawRow;
import dev.graft.data.input.RawRows;
import dev.graft.data.shape.RowShape.Kind;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;

/// The examples of an input, file by file and row by row, read as they are asked for.
///
/// Rows that cannot be used are passed over until the end is reached; then all of them are named in one
/// exception.
///
/// {@snippet :
/// try (var reader = new ExampleReader(Input.of(Path.of("data/*.jsonl.gz")), Kind.COMPLETION)) {
///     while (reader.hasNext()) {
///         Row row = reader.next();
///     }
///     reader.files().forEach(System.out::println);   // what each file held
/// }
/// }
public final class ExampleReader implements Iterator<Row>, AutoCloseable {
    private final Input input;
    private final Kind kind;
    private final Iterator<Path> left;
    private final List<FileSummary> files = new ArrayList<>();
    private final List<String> faults = new ArrayList<>();
    private RawRows rows;
    private FileShape shape;
    private Row next;

    /// What one file held.
    ///
    /// @param shape   name of the shape of its rows
    /// @param unused  columns that the shape makes no use of
    public record FileSummary(Path file, String shape, int rows, List<String> unused) {}

    /// @param kind  what the examples are for; rows of a shape that serves something else are refused
    public ExampleReader(Input input, Kind kind) {
        this.input = input;
        this.kind = kind;
        this.left = input.files().iterator();
    }

    /// @throws IllegalArgumentException at the end, naming every row that cannot be used
    @Override
    public boolean hasNext() {
        while (next == null) {
            if (rows == null) {
                if (!left.hasNext()) {
                    throwFaults();
                    return false;
                }
                Path file = left.next();
                rows = RawRows.open(file);
                shape = new FileShape(file, input, kind);
            }
            if (rows.hasNext()) {
                next = example(rows.next()).orElse(null);
            } else {
                endFile();
            }
        }
        return true;
    }

    @Override
    public Row next() {
        if (!hasNext()) {
            throw new NoSuchElementException("%s has no more rows".formatted(input.path()));
        }
        Row row = next;
        next = null;
        return row;
    }

    /// About how many bytes of the file that is being read were read.
    public long position() {
        return rows == null ? 0 : rows.position();
    }

    /// What the files held that have been read to their end.
    public List<FileSummary> files() {
        return List.copyOf(files);
    }

    /// Name of the shape of the rows of the file that is being read.
    public String shape() {
        return shape == null ? "none" : shape.summary().shape();
    }

    private Optional<Row> example(RawRow raw) {
        return switch (raw) {
            case RawRow.Broken(int number, String reason) -> {
                shape.broken(number, reason);
                yield Optional.empty();
            }
            case RawRow.Values(int number, ObjectNode columns) ->
                shape.example(number, columns).map(example -> new Row(rows.file(), number, whole(example)));
        };
    }

    /// A text file is one long text, to be cut where a row of text would have to fit.
    private Example whole(Example example) {
        boolean isFile = FileFormat.of(rows.file()).orElseThrow() == FileFormat.TEXT;
        return isFile && example instanceof Example.Text(String text, boolean _)
                ? new Example.Text(text, true)
                : example;
    }

    private void endFile() {
        shape.fault().ifPresent(faults::add);
        files.add(shape.summary());
        rows.close();
        rows = null;
    }

    private void throwFaults() {
        if (!faults.isEmpty()) {
            throw new IllegalArgumentException(String.join("\n", faults));
        }
    }

    @Override
    public void close() {
        if (rows != null) {
            rows.close();
            rows = null;
        }
    }
}
