package dev.graft.data;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/// Tokenised files that were kept, each under a name made of everything that decides its tokens.
///
/// The folder is `$GRAFT_CACHE`, else `$XDG_CACHE_HOME/graft`, else `~/.cache/graft`. Any file in it may be
/// deleted at any time. When it holds more than `$GRAFT_CACHE_GB` gigabytes (20 where that is not set),
/// the files that were not used for longest go.
public final class TokenCache {
    private static final long USUAL_GIGABYTES = 20;
    private static final Duration ABANDONED = Duration.ofDays(1);

    private final Path folder;
    private final long mostBytes;

    public TokenCache(Path folder) {
        this(folder, USUAL_GIGABYTES * 1_000_000_000);
    }

    /// @param mostBytes  what its files may take up together
    TokenCache(Path folder, long mostBytes) {
        this.folder = folder;
        this.mostBytes = mostBytes;
    }

    /// The cache of this user.
    public static TokenCache ofUser() {
        return new TokenCache(home().resolve("tokens"), mostBytes(System.getenv("GRAFT_CACHE_GB")));
    }

    static long mostBytes(String gigabytes) {
        if (gigabytes == null || gigabytes.isBlank()) {
            return USUAL_GIGABYTES * 1_000_000_000;
        }
        try {
            double number = Double.parseDouble(gigabytes.strip());
            if (number >= 0) {
                return (long) (number * 1e9);
            }
        } catch (NumberFormatException e) {
            // falls through to the sentence
        }
        throw new IllegalArgumentException(
                "GRAFT_CACHE_GB is \"%s\"; expected a number of gigabytes such as 20".formatted(gigabytes));
    }

    /// Notes that a file is still of use.
    void used(Path file) {
        try {
            Files.setLastModifiedTime(file, FileTime.from(Instant.now()));
        } catch (IOException e) {
            // of a cache that may only be read, or deleted by another run: nothing depends on it
        }
    }

    /// Deletes what was not used for longest until the rest fits, and what runs that ended early left.
    ///
    /// @param latest  stays, however large it is
    void keepWithinBound(Path latest) {
        List<Kept> files = new ArrayList<>();
        try (Stream<Path> all = Files.list(folder)) {
            all.forEach(file -> Kept.of(file).ifPresent(files::add));
        } catch (IOException e) {
            return; // its files were just written, so that only their number is unknown
        }
        Instant abandoned = Instant.now().minus(ABANDONED);
        files.removeIf(file -> file.isTemporary() && (file.used.isAfter(abandoned) || file.delete()));
        files.sort(Comparator.comparing(Kept::used));
        long bytes = files.stream().mapToLong(Kept::bytes).sum();
        for (Kept file : files) {
            if (bytes > mostBytes && !file.path.equals(latest) && file.delete()) {
                bytes -= file.bytes;
            }
        }
    }

    /// A file of the cache.
    private record Kept(Path path, long bytes, Instant used) {
        static Optional<Kept> of(Path path) {
            try {
                var facts = Files.readAttributes(path, BasicFileAttributes.class);
                boolean ours =
                        path.toString().endsWith(".tokens") || path.toString().endsWith(".tmp");
                return ours && facts.isRegularFile()
                        ? Optional.of(new Kept(
                                path, facts.size(), facts.lastModifiedTime().toInstant()))
                        : Optional.empty();
            } catch (IOException e) {
                return Optional.empty(); // another run has just deleted it
            }
        }

        boolean isTemporary() {
            return path.toString().endsWith(".tmp");
        }

        boolean delete() {
            try {
                return Files.deleteIfExists(path);
            } catch (IOException e) {
                return false; // in use, where files in use cannot be deleted
            }
        }
    }

    private static Path home() {
        return variable("GRAFT_CACHE")
                .or(() -> variable("XDG_CACHE_HOME").map(base -> base.resolve("graft")))
                .orElseGet(() -> Path.of(System.getProperty("user.home"), ".cache", "graft"));
    }

    private static Optional<Path> variable(String name) {
        return Optional.ofNullable(System.getenv(name))
                .filter(value -> !value.isBlank())
                .map(Path::of);
    }

    /// Where the tokens lie that these things decide.
    Path place(List<String> decisive) {
        byte[] lines = String.join("\n", decisive).getBytes(StandardCharsets.UTF_8);
        return folder.resolve(DataHash.of(lines) + ".tokens");
    }

    public Path folder() {
        return folder;
    }
}
