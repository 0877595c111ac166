package dev.graft.data.prepare;

import dev.graft.data.DataHash;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;

/// A text in 128 bits, to know it again: the first half of its SHA-256, in letters.
final class Fingerprint {
    private static final int BYTES = 16;

    private Fingerprint() {}

    static String of(String text) {
        byte[] hash = DataHash.sha256().digest(text.getBytes(StandardCharsets.UTF_8));
        return Base64.getEncoder().withoutPadding().encodeToString(Arrays.copyOf(hash, BYTES));
    }
}
