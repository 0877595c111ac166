package dev.graft.cli;

import dev.graft.format.AtomicFiles;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/// The folder of a run, and what lies where in it.
record RunDirectory(Path path) {
    /// Makes the folder ready for a run. An existing run is only deleted when `overwrite` says so, and only
    /// what a run writes is deleted.
    static RunDirectory prepare(Path path, boolean resume, boolean overwrite) {
        RunDirectory run = new RunDirectory(path);
        try {
            if (Files.exists(path) && !Files.isDirectory(path)) {
                throw new IllegalArgumentException("%s is a file; output_dir must be a folder".formatted(path));
            }
            if (resume) {
                if (!Files.exists(run.recipe())) {
                    throw new IllegalArgumentException(
                            "%s holds no run to resume (it has no recipe.yaml); leave --resume out to start one"
                                    .formatted(path));
                }
                return run;
            }
            if (Files.isDirectory(path) && !isEmpty(path)) {
                if (!overwrite) {
                    throw new IllegalArgumentException(
                            "%s is not empty; choose another --output, go on with --resume, or delete the earlier run with --overwrite"
                                    .formatted(path));
                }
                run.clear();
            }
            Files.createDirectories(path);
            return run;
        } catch (IOException e) {
            throw new UncheckedIOException("cannot prepare output_dir " + path, e);
        }
    }

    private static boolean isEmpty(Path folder) throws IOException {
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.findAny().isEmpty();
        }
    }

    private void clear() throws IOException {
        if (!Files.exists(recipe()) && !isEmpty(path)) {
            throw new IllegalArgumentException(
                    "%s is not a run (it has no recipe.yaml), so --overwrite deletes nothing in it; choose another --output"
                            .formatted(path));
        }
        for (Path part : List.of(
                metrics(), dataReport(), reportJson(), reportHtml(), checkpoints(), adapter(), model(), recipe())) {
            if (Files.exists(part)) {
                try (Stream<Path> inside = Files.walk(part)) {
                    for (Path file : inside.sorted(Comparator.reverseOrder()).toList()) {
                        Files.delete(file);
                    }
                }
            }
        }
    }

    void writeRecipe(Recipe recipe) {
        AtomicFiles.writeString(recipe(), recipe.toYaml());
    }

    Path recipe() {
        return path.resolve("recipe.yaml");
    }

    Path metrics() {
        return path.resolve("metrics.jsonl");
    }

    Path dataReport() {
        return path.resolve("data_report.json");
    }

    Path checkpoints() {
        return path.resolve("checkpoints");
    }

    Path adapter() {
        return path.resolve("adapter");
    }

    Path model() {
        return path.resolve("model");
    }

    Path reportJson() {
        return path.resolve("report.json");
    }

    Path reportHtml() {
        return path.resolve("report.html");
    }
}
