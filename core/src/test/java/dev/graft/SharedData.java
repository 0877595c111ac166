package dev.graft;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;

/// Real models and data sets that live beside the repository, in `../shared/data`; too large to be part
/// of it.
public final class SharedData {

    private SharedData() {}

    /// The path of one of them, or the end of the test as skipped, saying what is missing.
    ///
    /// The folder `shared` is the sibling of the working directory or of one of its ancestors; the
    /// environment variable `GRAFT_SHARED` names it outright.
    public static Path file(String relative) {
        Path file = root().resolve("data").resolve(relative);
        Assumptions.assumeTrue(
                Files.exists(file),
                () -> "missing: %s (set GRAFT_SHARED to the folder that holds data/%s)".formatted(file, relative));
        return file;
    }

    private static Path root() {
        String named = System.getenv("GRAFT_SHARED");
        if (named != null) {
            return Path.of(named);
        }
        for (Path at = Path.of("").toAbsolutePath(); at != null; at = at.getParent()) {
            Path candidate = at.resolveSibling("shared");
            if (Files.isDirectory(candidate.resolve("data"))) {
                return candidate;
            }
        }
        return Path.of("..", "shared");
    }
}
