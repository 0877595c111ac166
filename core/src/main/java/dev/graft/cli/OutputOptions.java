package dev.graft.cli;

import dev.graft.data.input.FileFormat;
import dev.graft.format.AtomicFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Option;

/// The one file a command writes: `--output FILE [--overwrite]`. A command takes it as a `@Mixin`.
final class OutputOptions {
    @Option(names = "--output", required = true, paramLabel = "FILE", description = "Where the result goes.")
    private Path output;

    @Option(names = "--overwrite", description = "Replace the output file if it exists.")
    private boolean overwrite;

    Path file() {
        return output;
    }

    boolean overwrites() {
        return overwrite;
    }

    /// Ends the command before any work where the file cannot be written in the end.
    void require() {
        require("--output", output, overwrite);
    }

    /// The same where the file is to hold JSON lines: a name of another format would lead whoever reads it
    /// astray, and a file that is read must not be written over.
    void requireRows(List<Path> inputs) {
        requireRows("--output", output, overwrite, inputs);
    }

    /// As [#requireRows(List)] for another file.
    static void requireRows(String option, Path output, boolean overwrite, List<Path> inputs) {
        boolean isCompressed = output.toString().matches(".*\\.(gz|zst)");
        if (isCompressed
                || FileFormat.of(output)
                        .filter(format -> format != FileFormat.JSONL)
                        .isPresent()) {
            throw new IllegalArgumentException(
                    "%s: rows are written as JSON lines; give %s a name that ends in .jsonl".formatted(output, option));
        }
        for (Path input : inputs) {
            if (isSame(input, output)) {
                throw new IllegalArgumentException(
                        "%s is read; give another %s, nothing is changed in place".formatted(output, option));
            }
        }
        require(option, output, overwrite);
    }

    private static boolean isSame(Path input, Path output) {
        try {
            return Files.exists(output) && Files.exists(input) && Files.isSameFile(input, output);
        } catch (IOException e) {
            return false; // whoever opens them will say so
        }
    }

    /// The same for another file that a command writes.
    ///
    /// @param option that names it
    static void require(String option, Path output, boolean overwrite) {
        Path folder = output.toAbsolutePath().getParent();
        if (Files.isDirectory(output)) {
            throw new IllegalArgumentException("%s is a folder; %s takes a file".formatted(output, option));
        }
        if (Files.exists(output) && !overwrite) {
            throw new IllegalArgumentException(
                    "%s exists already; give another %s, or --overwrite to replace it".formatted(output, option));
        }
        if (!Files.isDirectory(folder) || !Files.isWritable(folder)) {
            throw new IllegalArgumentException("%s cannot be written: %s %s"
                    .formatted(
                            output,
                            folder,
                            Files.isDirectory(folder) ? "is not writable" : "is not an existing folder"));
        }
    }

    /// Writes the whole file, or nothing.
    void write(byte[] content) {
        AtomicFiles.write(output, content);
    }
}
