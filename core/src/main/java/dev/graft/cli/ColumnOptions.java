package dev.graft.cli;

import dev.graft.data.Input;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import picocli.CommandLine.Option;

/// What the columns of given rows mean.
final class ColumnOptions {
    @Option(
            names = "--columns",
            split = ",",
            paramLabel = "COLUMN=NAME",
            description = "Other names of columns: prompt=question,completion=answer.")
    private Map<String, String> columns = new LinkedHashMap<>();

    @Option(
            names = "--shape",
            paramLabel = "SHAPE",
            description = "What the columns mean, where they fit several: text, prompt_completion, messages, alpaca,"
                    + " sharegpt … (default: found from the columns).")
    private String shape;

    /// Whether columns were given other names.
    boolean areRenamed() {
        return !columns.isEmpty();
    }

    /// The shape, where it was given.
    Optional<String> shape() {
        return Optional.ofNullable(shape);
    }

    Input input(String path) {
        return new Input(path, columns, shape().filter(name -> !name.equals("auto")));
    }
}
