package dev.graft.format;

import static dev.graft.format.FormatException.quote;

import dev.graft.tensor.DType;
import dev.graft.tensor.Shapes;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/// One safetensors file, memory-mapped: opening it reads the header only, and pages of weights come in
/// when touched. An instance means a valid file; everything the format forbids was refused by [#open].
///
/// {@snippet :
/// try (var weights = Safetensors.open(Path.of("model.safetensors"))) {
///     MemorySegment embedding = weights.data("model.embed_tokens.weight");
/// }
/// }
///
/// <https://github.com/huggingface/safetensors#format>
public final class Safetensors implements AutoCloseable {
    private static final int LENGTH_BYTES = 8;

    private final Path file;
    private final Arena arena;
    private final MemorySegment buffer;
    private final Map<String, String> metadata;
    private final Map<String, Entry> entries;

    /// One tensor as the header describes it.
    ///
    /// @param dtypeName the element type as stored, such as `"BF16"` or `"F8_E4M3"`
    /// @param dtype     the same where Graft computes with it
    /// @param begin     first byte, counted from the end of the header
    /// @param end       one past the last byte
    public record Entry(String name, String dtypeName, Optional<DType> dtype, long[] shape, long begin, long end) {
        public Entry {
            shape = shape.clone();
        }

        @Override
        public long[] shape() {
            return shape.clone();
        }

        public long bytes() {
            return end - begin;
        }

        public long elements() {
            return Shapes.elements(shape);
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Entry that
                    && name.equals(that.name)
                    && dtypeName.equals(that.dtypeName)
                    && Arrays.equals(shape, that.shape)
                    && begin == that.begin
                    && end == that.end;
        }

        @Override
        public int hashCode() {
            return Objects.hash(name, dtypeName, Arrays.hashCode(shape), begin, end);
        }

        @Override
        public String toString() {
            return "%s %s %s".formatted(name, dtypeName, Arrays.toString(shape));
        }
    }

    private Safetensors(Path file, Arena arena, MemorySegment buffer, SafetensorsHeader header) {
        this.file = file;
        this.arena = arena;
        this.buffer = buffer;
        this.metadata = header.metadata();
        this.entries = header.entries();
    }

    /// Maps `file` and checks it against the rules of the format.
    ///
    /// @throws FormatException      when there is no such file or it is not a valid one
    /// @throws UncheckedIOException when the system cannot read it
    public static Safetensors open(Path file) {
        if (!Files.isRegularFile(file)) {
            String found = Files.exists(file) ? "this is not a file" : "there is no such file";
            throw new FormatException(file, found, "a safetensors file", "Check the path.");
        }
        Arena arena = Arena.ofShared(); // weights are read by every worker thread
        try (var channel = FileChannel.open(file, StandardOpenOption.READ)) {
            return open(file, channel, arena);
        } catch (IOException e) {
            arena.close();
            throw new UncheckedIOException("%s: cannot be read (%s)".formatted(file, e), e);
        } catch (RuntimeException | Error e) {
            arena.close();
            throw e;
        }
    }

    private static Safetensors open(Path file, FileChannel channel, Arena arena) throws IOException {
        long size = channel.size();
        byte[] json = readHeader(file, channel, size);
        long start = LENGTH_BYTES + json.length;
        var header = SafetensorsHeader.parse(file, json, size - start);
        var whole = channel.map(FileChannel.MapMode.READ_ONLY, 0, size, arena);
        return new Safetensors(file, arena, whole.asSlice(start), header);
    }

    private static byte[] readHeader(Path file, FileChannel channel, long size) throws IOException {
        if (size < LENGTH_BYTES + 2) {
            throw new FormatException(
                    file,
                    "the file has %d bytes".formatted(size),
                    "at least 10, an 8-byte header length and the header",
                    "The file is truncated: download or export it again.");
        }
        byte[] start = read(channel, 0, LENGTH_BYTES);
        long length = ByteBuffer.wrap(start).order(ByteOrder.LITTLE_ENDIAN).getLong();
        long longest = Math.min(SafetensorsHeader.MAX_BYTES, size - LENGTH_BYTES);
        if (length < 2 || length > longest) { // negative: the top bit of an unsigned length
            throw new FormatException(
                    file,
                    "the header length reads %s".formatted(Long.toUnsignedString(length)),
                    "2 to %d in a file of %d bytes".formatted(longest, size),
                    advice(file, start));
        }
        return read(channel, LENGTH_BYTES, (int) length);
    }

    private static byte[] read(FileChannel channel, long position, int count) throws IOException {
        var bytes = ByteBuffer.allocate(count);
        while (bytes.hasRemaining()) {
            if (channel.read(bytes, position + bytes.position()) < 0) {
                throw new IOException("the file became shorter while it was read");
            }
        }
        return bytes.array();
    }

    /// What the first bytes of something else give away.
    private static String advice(Path file, byte[] start) {
        String text = new String(start, StandardCharsets.ISO_8859_1);
        if (text.startsWith("version ")) {
            return "This looks like a Git LFS pointer: fetch the file itself with git lfs pull.";
        }
        if (Pickle.beginsSo(start)) {
            return Pickle.advice(file);
        }
        if (text.startsWith("GGUF")) {
            return "This is a GGUF file.";
        }
        return "The file is truncated or not safetensors: download or export it again.";
    }

    public Path file() {
        return file;
    }

    /// The free-form strings of the header; writers for PyTorch put `format: pt`.
    public Map<String, String> metadata() {
        return metadata;
    }

    /// Tensors by name, in the order of their bytes in the file.
    public Map<String, Entry> entries() {
        return entries;
    }

    /// The entry called `name`.
    ///
    /// @throws FormatException when the file has none
    public Entry entry(String name) {
        Entry entry = entries.get(name);
        if (entry == null) {
            throw new FormatException(
                    file,
                    "there is no tensor %s among its %d".formatted(quote(name), entries.size()),
                    "one of that name",
                    "Check that the file belongs to this model.");
        }
        return entry;
    }

    /// The bytes of a tensor, little-endian and row-major: read-only, a view of the mapping and valid
    /// until [#close]. Native code that takes the address must be done with it by then. Old writers did
    /// not align tensors, so read elements with unaligned layouts.
    ///
    /// @throws FormatException when there is no such tensor, or Graft has no arithmetic for its element type
    public MemorySegment data(String name) {
        Entry entry = entry(name);
        if (entry.dtype().isEmpty()) {
            throw new FormatException(
                    file,
                    "tensor %s has dtype %s, which Graft does not compute with"
                            .formatted(quote(name), entry.dtypeName()),
                    "one of " + Arrays.toString(DType.values()),
                    "Use a copy of the model in BF16 or F32.");
        }
        return bytes(name);
    }

    /// As [#data], of any element type.
    MemorySegment bytes(String name) {
        Entry entry = entry(name);
        if (!arena.scope().isAlive()) {
            throw new IllegalStateException("%s is closed; read its tensors before closing it".formatted(file));
        }
        return buffer.asSlice(entry.begin(), entry.bytes());
    }

    /// Unmaps the file. Every segment handed out dies with it.
    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            arena.close();
        }
    }
}
