package dev.graft.data;

import dev.graft.data.shape.RowShape.Kind;
import dev.graft.data.shape.RowShapes;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// All rows of an input at once, for those that fit into memory; [ExampleReader] reads one at a time.
public final class Rows {

    private Rows() {}

    /// The rows to learn text from, of a file in any of the formats.
    public static List<Row> read(Path file) {
        return read(Input.of(file), Kind.COMPLETION);
    }

    /// The rows of an input, at least one.
    ///
    /// @param kind  what they are for
    /// @throws IllegalArgumentException naming every row that cannot be used
    public static List<Row> read(Input input, Kind kind) {
        List<Row> rows = new ArrayList<>();
        try (var reader = new ExampleReader(input, kind)) {
            reader.forEachRemaining(rows::add);
        }
        return rows;
    }

    static String knownShapes(Kind kind) {
        return "A row is one of these:\n" + RowShapes.samples(kind);
    }
}
