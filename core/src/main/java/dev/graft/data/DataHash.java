package dev.graft.data;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

/// SHA-256 of data files, by which a run says what it was trained on.
public final class DataHash {

    private DataHash() {}

    /// The hash in hexadecimal: of one file what `sha256sum` prints, of several the hash of their hashes,
    /// one a line.
    public static String of(Path... files) {
        return ofHashes(Arrays.stream(files).map(DataHash::hash).toList());
    }

    /// The hash of files whose own hashes are known.
    public static String ofHashes(List<String> hashes) {
        if (hashes.isEmpty()) {
            throw new IllegalArgumentException("there is no file to hash");
        }
        return hashes.size() == 1
                ? hashes.getFirst()
                : of((String.join("\n", hashes) + "\n").getBytes(StandardCharsets.US_ASCII));
    }

    /// The hash of bytes in memory.
    static String of(byte[] bytes) {
        return HexFormat.of().formatHex(sha256().digest(bytes));
    }

    private static String hash(Path file) {
        MessageDigest digest = sha256();
        byte[] buffer = new byte[1 << 16];
        try (InputStream in = Files.newInputStream(file)) {
            for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
                digest.update(buffer, 0, n);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read %s: %s".formatted(file, e.getMessage()), e);
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    /// A new digest.
    public static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("this Java runtime has no SHA-256, which every one must have", e);
        }
    }
}
