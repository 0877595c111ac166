package dev.graft.data;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/// Tokenised files that were kept, each under a name made of everything that decides its tokens.
///
/// The folder is `$GRAFT_CACHE`, else `$XDG_CACHE_HOME/graft`, else `~/.cache/graft`. Any file in it may be
/// deleted at any time.
public final class TokenCache {
    private final Path folder;

    public TokenCache(Path folder) {
        this.folder = folder;
    }

    /// The cache of this user.
    public static TokenCache ofUser() {
        return new TokenCache(home().resolve("tokens"));
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
