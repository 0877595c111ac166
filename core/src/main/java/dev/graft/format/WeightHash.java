package dev.graft.format;

import dev.graft.format.Safetensors.Entry;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.TreeSet;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/// SHA-256 over all weights of a model, by which an adapter knows its base.
///
/// Of a directory it covers every byte of every tensor, with name, type and shape, and nothing else: the
/// hash of one line `name type [shape] sha256` for each tensor, sorted by name. How tensors are spread
/// over files makes no difference. Of a single file (GGUF, llama2.c) it is what `sha256sum` prints.
///
/// All cores hash, so a model is read about as fast as its disk gives it. The result for a model of 256
/// MB or more is kept in the user's cache folder under the sizes and times of change of its files, and
/// read from there next time.
public final class WeightHash {
    private static final long WORTH_KEEPING = 256L << 20;
    private static final long STEP = 16L << 20;

    private WeightHash() {}

    /// @param model directory or file
    public static String of(Path model) {
        if (Files.isRegularFile(model)) {
            return kept(List.of(model), () -> ofFile(model));
        }
        try (WeightFiles files = WeightFiles.open(model)) {
            return kept(files.files(), () -> of(files));
        }
    }

    private static String kept(List<Path> files, Supplier<String> hashing) {
        long bytes = files.stream().mapToLong(file -> file.toFile().length()).sum();
        return bytes < WORTH_KEEPING ? hashing.get() : new KeptHash(files).orElse(hashing);
    }

    static String of(WeightFiles files) {
        String lines = new TreeSet<>(files.names())
                .stream().parallel().map(name -> line(files, name)).collect(Collectors.joining());
        return hex(sha256().digest(lines.getBytes(StandardCharsets.UTF_8)));
    }

    private static String line(WeightFiles files, String name) {
        Entry entry = files.entry(name);
        return "%s %s %s %s\n"
                .formatted(name, entry.dtypeName(), Arrays.toString(entry.shape()), of(files.bytes(name)));
    }

    private static String ofFile(Path file) {
        try (Arena arena = Arena.ofShared();
                FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            return of(channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena));
        } catch (IOException e) {
            throw new UncheckedIOException("%s: cannot be read (%s)".formatted(file, e), e);
        }
    }

    private static String of(MemorySegment bytes) {
        MessageDigest digest = sha256();
        for (long from = 0; from < bytes.byteSize(); from += STEP) {
            MemorySegment step = bytes.asSlice(from, Math.min(STEP, bytes.byteSize() - from));
            digest.update(step.asByteBuffer());
            step.unload(); // a hash of a model must not fill memory with it
        }
        return hex(digest.digest());
    }

    /// The hash of a text, in hexadecimal.
    public static String ofText(String text) {
        return hex(sha256().digest(text.getBytes(StandardCharsets.UTF_8)));
    }

    private static String hex(byte[] digest) {
        return HexFormat.of().formatHex(digest);
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("this Java runtime has no SHA-256, which every one must have", e);
        }
    }
}
