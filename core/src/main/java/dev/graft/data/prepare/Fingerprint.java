package dev.graft.data.prepare;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Base64;

/// A text in 128 bits, to know it again: the first half of its SHA-256, in letters.
final class Fingerprint {
    private static final int BYTES = 16;

    private Fingerprint() {}

    static String of(String text) {
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
            byte[] half = Arrays.copyOf(hash, BYTES);
            return Base64.getEncoder().withoutPadding().encodeToString(half);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("this Java runtime has no SHA-256, which every one must have", e);
        }
    }
}
