package dev.graft.data;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;

/// Tokenised files that were kept, each under a name made of everything that decides its tokens. Any of them
/// may be deleted at any time.
public final class TokenCache {
    private final Path folder;

    /// @param folder made when it is not there
    public TokenCache(Path folder) {
        this.folder = folder;
    }

    /// Where the tokens lie that these things decide.
    Path place(List<String> decisive) {
        byte[] lines = String.join("\n", decisive).getBytes(StandardCharsets.UTF_8);
        return folder.resolve(DataHash.of(lines) + ".tokens");
    }

    /// Where they lie.
    public Path folder() {
        return folder;
    }
}
