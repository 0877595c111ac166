package dev.graft.format;

import java.nio.file.Path;
import java.util.Optional;

/// The folder for what may be kept from one run to the next: `$GRAFT_CACHE`, else `$XDG_CACHE_HOME/graft`,
/// else `~/.cache/graft`. Any file in it may be deleted at any time.
public final class UserCache {
    private UserCache() {}

    /// A part of it, such as `tokens`; not made yet.
    public static Path folder(String part) {
        return variable("GRAFT_CACHE")
                .or(() -> variable("XDG_CACHE_HOME").map(base -> base.resolve("graft")))
                .orElseGet(() -> Path.of(System.getProperty("user.home"), ".cache", "graft"))
                .resolve(part);
    }

    private static Optional<Path> variable(String name) {
        return Optional.ofNullable(System.getenv(name))
                .filter(value -> !value.isBlank())
                .map(Path::of);
    }
}
