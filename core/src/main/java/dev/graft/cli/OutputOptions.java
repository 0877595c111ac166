package dev.graft.cli;

import dev.graft.format.AtomicFiles;
import java.nio.file.Files;
import java.nio.file.Path;
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
