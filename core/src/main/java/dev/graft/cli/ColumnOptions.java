package dev.graft.cli;

import dev.graft.data.Input;
import java.util.Optional;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// What the columns of given rows mean.
final class ColumnOptions {
    @Mixin
    private RenamedColumns columns;

    @Option(
            names = "--shape",
            paramLabel = "SHAPE",
            description = "What the columns mean, where they fit several: text, prompt_completion, messages, alpaca,"
                    + " sharegpt … (default: found from the columns).")
    private String shape;

    /// Whether columns were given other names.
    boolean areRenamed() {
        return !columns.names().isEmpty();
    }

    /// The shape, where it was given.
    Optional<String> shape() {
        return Optional.ofNullable(shape);
    }

    Input input(String path) {
        return new Input(path, columns.names(), shape().filter(name -> !name.equals("auto")));
    }
}
