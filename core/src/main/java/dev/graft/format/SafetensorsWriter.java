package dev.graft.format;

import static dev.graft.format.FormatException.quote;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonFactoryBuilder;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import dev.graft.tensor.DType;
import dev.graft.tensor.Shapes;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Writes safetensors files byte for byte as the reference implementation does: tensors sorted by descending
/// alignment and then by name, the header padded to 8 bytes. The file appears whole or not at all
/// ([AtomicFiles]).
public final class SafetensorsWriter {
    /// What readers for PyTorch look for.
    private static final Map<String, String> PYTORCH = Map.of("format", "pt");

    private static final JsonFactory JSON = new JsonFactoryBuilder()
            .enable(JsonWriteFeature.COMBINE_UNICODE_SURROGATES_IN_UTF8)
            .build();

    // a heap buffer is copied into a native one of its size on the way to the file: keep that small
    private static final int CHUNK_BYTES = 8 << 20;

    private SafetensorsWriter() {}

    /// Writes the bytes of one tensor, little-endian and row-major, when its turn comes; so tensors can be
    /// made one at a time.
    @FunctionalInterface
    public interface Source {
        void writeTo(WritableByteChannel channel) throws IOException;
    }

    /// A tensor to write.
    public record Part(String name, DType dtype, long[] shape, Source source) {
        public Part {
            shape = shape.clone();
            if (name.equals(SafetensorsHeader.METADATA)) {
                throw new IllegalArgumentException("a tensor cannot be called " + name);
            }
            if (!isUnicode(name)) {
                throw new IllegalArgumentException(
                        "tensor name %s holds half a surrogate pair; expected Unicode text".formatted(quote(name)));
            }
            if (Arrays.stream(shape).anyMatch(size -> size < 0)) {
                throw new IllegalArgumentException("tensor %s has shape %s; expected sizes of 0 and more"
                        .formatted(quote(name), Arrays.toString(shape)));
            }
        }

        public Part(String name, DType dtype, long[] shape, MemorySegment data) {
            this(name, dtype, shape, channel -> writeAll(data, channel));
            if (data.byteSize() != bytes()) {
                throw new IllegalArgumentException("tensor %s, %s %s, takes %,d bytes; the data has %,d"
                        .formatted(quote(name), dtype, Arrays.toString(shape), bytes(), data.byteSize()));
            }
        }

        @Override
        public long[] shape() {
            return shape.clone();
        }

        long bytes() {
            return Shapes.bytes(dtype, shape);
        }
    }

    /// Writes `parts` to `file` with the metadata `format: pt`.
    public static void write(Path file, List<Part> parts) {
        write(file, parts, PYTORCH);
    }

    /// Writes `parts` to `file`, replacing a file that is there.
    ///
    /// @throws IllegalArgumentException when two parts share a name
    /// @throws IllegalStateException    when a source writes more or fewer bytes than its shape and type ask
    /// for
    /// @throws UncheckedIOException     when the system cannot write; the old file is then still there
    public static void write(Path file, List<Part> parts, Map<String, String> metadata) {
        requireDistinct(parts);
        List<Part> sorted = sorted(parts);
        byte[] header = header(sorted, metadata);
        AtomicFiles.write(file, channel -> {
            writeFully(ByteBuffer.wrap(header), channel);
            for (Part part : sorted) {
                ExactChannel.write(part.name(), part.bytes(), part.source(), channel);
            }
        });
    }

    private static void requireDistinct(List<Part> parts) {
        Set<String> names = new HashSet<>();
        for (Part part : parts) {
            if (!names.add(part.name())) {
                throw new IllegalArgumentException("tensor %s is given twice".formatted(quote(part.name())));
            }
        }
    }

    private static List<Part> sorted(List<Part> parts) {
        // names by their UTF-8 bytes, as Rust compares them; UTF-16 orders some characters differently
        Comparator<Part> byName =
                Comparator.comparing(part -> part.name().getBytes(StandardCharsets.UTF_8), Arrays::compareUnsigned);
        return parts.stream()
                .sorted(Comparator.comparing((Part part) -> StoredType.of(part.dtype()))
                        .reversed()
                        .thenComparing(byName))
                .toList();
    }

    /// The length, the JSON and its padding.
    private static byte[] header(List<Part> parts, Map<String, String> metadata) {
        var json = new ByteArrayOutputStream();
        try (JsonGenerator generator = JSON.createGenerator(json)) {
            writeJson(generator, parts, metadata);
        } catch (IOException e) {
            throw new UncheckedIOException(e); // a byte array does not fail
        }
        int length = Math.ceilDiv(json.size(), 8) * 8;
        if (length > SafetensorsHeader.MAX_BYTES) {
            throw new IllegalArgumentException("the header of %d tensors takes %,d bytes; expected %,d at most"
                    .formatted(parts.size(), length, SafetensorsHeader.MAX_BYTES));
        }
        byte[] bytes = new byte[8 + length];
        Arrays.fill(bytes, (byte) ' ');
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putLong(length).put(json.toByteArray());
        return bytes;
    }

    private static void writeJson(JsonGenerator generator, List<Part> parts, Map<String, String> metadata)
            throws IOException {
        generator.writeStartObject();
        if (!metadata.isEmpty()) {
            generator.writeObjectFieldStart(SafetensorsHeader.METADATA);
            for (var pair : metadata.entrySet()) {
                if (!isUnicode(pair.getKey()) || !isUnicode(pair.getValue())) {
                    throw new IllegalArgumentException("metadata %s holds half a surrogate pair; expected Unicode text"
                            .formatted(quote(pair.getKey())));
                }
                generator.writeStringField(pair.getKey(), pair.getValue());
            }
            generator.writeEndObject();
        }
        long begin = 0;
        for (Part part : parts) {
            long end = Math.addExact(begin, part.bytes());
            generator.writeObjectFieldStart(part.name());
            generator.writeStringField("dtype", part.dtype().name());
            generator.writeFieldName("shape");
            generator.writeArray(part.shape(), 0, part.shape().length);
            generator.writeFieldName("data_offsets");
            generator.writeArray(new long[] {begin, end}, 0, 2);
            generator.writeEndObject();
            begin = end;
        }
        generator.writeEndObject();
    }

    private static boolean isUnicode(String text) {
        return StandardCharsets.UTF_8.newEncoder().canEncode(text);
    }

    /// Writes memory of any size.
    public static void writeAll(MemorySegment data, WritableByteChannel channel) throws IOException {
        for (long at = 0; at < data.byteSize(); at += CHUNK_BYTES) {
            long count = Math.min(CHUNK_BYTES, data.byteSize() - at);
            var chunk = data.asSlice(at, count).asByteBuffer();
            while (chunk.hasRemaining()) {
                channel.write(chunk);
            }
        }
    }

    static void writeFully(ByteBuffer bytes, FileChannel channel) throws IOException {
        int limit = bytes.limit();
        while (bytes.position() < limit) {
            bytes.limit(Math.min(limit, bytes.position() + CHUNK_BYTES));
            channel.write(bytes);
        }
        bytes.limit(limit);
    }
}
