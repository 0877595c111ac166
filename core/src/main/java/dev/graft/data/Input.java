package dev.graft.data;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.data.input.InputFiles;
import dev.graft.data.shape.RowShapes;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// Where rows come from, and how their columns are to be understood.
///
/// @param path     a file, a folder or a pattern; see [InputFiles]
/// @param columns  the column of a shape → the column of the file that takes its place:
///                 `{prompt: question, completion: answer}`
/// @param shape    the shape of the rows, where it is not to be found from their columns
public record Input(String path, Map<String, String> columns, Optional<String> shape) {

    public Input {
        columns = Collections.unmodifiableMap(new LinkedHashMap<>(columns)); // its order decides
        for (String column : columns.keySet()) {
            if (!RowShapes.columns().contains(column)) {
                throw new IllegalArgumentException("columns gives \"%s\" a new place; expected one of %s"
                        .formatted(column, String.join(", ", RowShapes.columns())));
            }
        }
        shape.ifPresent(name -> RowShapes.named(name)
                .orElseThrow(() -> new IllegalArgumentException("there is no shape \"%s\"; expected one of %s"
                        .formatted(
                                name, RowShapes.ALL.stream().map(s -> s.name()).toList()))));
    }

    /// Rows whose shape their columns tell.
    public static Input of(Path path) {
        return new Input(path.toString(), Map.of(), Optional.empty());
    }

    /// The same with these columns of the file in place of those of a shape.
    public Input withColumns(Map<String, String> columns) {
        return new Input(path, columns, shape);
    }

    /// The same with a shape that is not to be found from the columns.
    public Input withShape(String shape) {
        return new Input(path, columns, Optional.of(shape));
    }

    /// A row with its columns under the names that shapes know.
    ///
    /// @throws IllegalArgumentException when a column is missing
    public ObjectNode renamed(ObjectNode row) {
        if (columns.isEmpty()) {
            return row;
        }
        ObjectNode renamed = row.deepCopy();
        columns.values().forEach(renamed::remove);
        columns.forEach((column, from) -> {
            if (!row.has(from)) {
                throw new IllegalArgumentException("has no \"%s\", which data.columns gives to %s; its keys are %s"
                        .formatted(from, column, RowShapes.quoted(RowShapes.filled(row))));
            }
            renamed.set(column, row.get(from));
        });
        return renamed;
    }

    /// The files it stands for, sorted, at least one.
    public List<Path> files() {
        return InputFiles.of(path);
    }
}
