package dev.graft.format;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/// The hash of large files, kept in the user's cache folder (`$XDG_CACHE_HOME/graft`, or
/// `~/.cache/graft`) for as long as paths, sizes and times of change stay the same.
final class KeptHash {
    private final String stamp;
    private final Path file;

    KeptHash(List<Path> files) {
        this(files, folder());
    }

    KeptHash(List<Path> files, Path folder) {
        this.stamp = files.stream().map(KeptHash::stamp).collect(Collectors.joining("\n"));
        String paths =
                files.stream().map(path -> path.toAbsolutePath().toString()).collect(Collectors.joining("\n"));
        this.file = folder.resolve(WeightHash.ofText(paths) + ".json");
    }

    private static Path folder() {
        String cache = System.getenv("XDG_CACHE_HOME");
        Path root =
                cache == null || cache.isEmpty() ? Path.of(System.getProperty("user.home"), ".cache") : Path.of(cache);
        return root.resolve("graft").resolve("weights");
    }

    private static String stamp(Path file) {
        try {
            return "%s %d %s".formatted(file.toAbsolutePath(), Files.size(file), Files.getLastModifiedTime(file));
        } catch (IOException e) {
            throw new UncheckedIOException("%s: cannot be read (%s)".formatted(file, e), e);
        }
    }

    /// The hash that was kept for these files as they are now, or else a new one, which is kept.
    String orElse(Supplier<String> hashing) {
        if (Files.isRegularFile(file)) {
            JsonNode kept = Json.readObject(file, "a hash that Graft kept; delete it if it is damaged");
            if (kept.path("files").asText().equals(stamp)) {
                return kept.path("sha256").asText();
            }
        }
        String hash = hashing.get();
        keep(hash);
        return hash;
    }

    /// A cache that cannot be written costs time, not the run.
    private void keep(String hash) {
        try {
            Files.createDirectories(file.getParent());
            AtomicFiles.writeString(file, Json.pretty(Map.of("files", stamp, "sha256", hash)));
        } catch (IOException | UncheckedIOException e) {
            System.getLogger(KeptHash.class.getName())
                    .log(System.Logger.Level.DEBUG, "the hash of the weights is not kept", e);
        }
    }
}
