package dev.graft.tokenizer;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/// The tokenizer of the tests: bytes, a few words, `<s>` before each text, ChatML. Made by
/// `scripts/tiny-tokenizer.py`.
public final class TinyTokenizer {

    private TinyTokenizer() {}

    public static Tokenizer load() {
        return Tokenizer.load(folder());
    }

    /// With another chat template.
    public static Tokenizer load(ChatTemplate template) {
        return Tokenizer.load(folder(), Optional.of(template));
    }

    /// A copy of its files in `folder`, for tests that change one of them.
    public static Path copyTo(Path folder) {
        try (var files = Files.list(folder())) {
            for (Path file : files.toList()) {
                Files.copy(file, folder.resolve(file.getFileName()));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return folder;
    }

    private static Path folder() {
        try {
            return Path.of(TinyTokenizer.class.getResource("tiny").toURI());
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }
}
