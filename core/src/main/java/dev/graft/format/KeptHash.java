package dev.graft.format;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/// The hash of large files, kept in the [UserCache] for as long as paths, sizes and times of change stay the
/// same.
final class KeptHash {
    private final String stamp;
    private final Path file;

    KeptHash(List<Path> files) {
        this(files, UserCache.folder("weights"));
    }

    KeptHash(List<Path> files, Path folder) {
        this.stamp = files.stream().map(KeptHash::stamp).collect(Collectors.joining("\n"));
        String paths =
                files.stream().map(path -> path.toAbsolutePath().toString()).collect(Collectors.joining("\n"));
        this.file = folder.resolve(WeightHash.ofText(paths) + ".json");
    }

    private static String stamp(Path file) {
        try {
            return "%s %s %s".formatted(file.toAbsolutePath(), Files.size(file), Files.getLastModifiedTime(file));
        } catch (IOException e) {
            throw new UncheckedIOException("%s: cannot be read (%s)".formatted(file, e), e);
        }
    }

    /// The hash that was kept for these files as they are now, or else a new one, which is kept.
    String orElse(Supplier<String> hashing) {
        return kept().orElseGet(() -> {
            String hash = hashing.get();
            keep(hash);
            return hash;
        });
    }

    /// Empty where nothing is kept, where it is for other files, and where it is damaged.
    private Optional<String> kept() {
        if (!Files.isRegularFile(file)) {
            return Optional.empty();
        }
        try {
            JsonNode kept = Json.readObject(file, "a hash that Graft kept");
            boolean holds = kept.path("files").asText().equals(stamp)
                    && kept.path("sha256").isTextual();
            return holds ? Optional.of(kept.get("sha256").asText()) : Optional.empty();
        } catch (FormatException e) {
            log("a kept hash is damaged and made anew", e);
            return Optional.empty();
        }
    }

    /// A cache that cannot be written costs time, not the run.
    private void keep(String hash) {
        try {
            Files.createDirectories(file.getParent());
            AtomicFiles.writeString(file, Json.pretty(Map.of("files", stamp, "sha256", hash)));
        } catch (IOException | UncheckedIOException e) {
            log("the hash of the weights is not kept", e);
        }
    }

    private static void log(String what, Exception e) {
        System.getLogger(KeptHash.class.getName()).log(System.Logger.Level.DEBUG, what, e);
    }
}
