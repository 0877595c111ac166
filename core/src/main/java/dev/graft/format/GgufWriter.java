package dev.graft.format;

import static dev.graft.format.FormatException.quote;

import dev.graft.tensor.Shapes;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Writes GGUF files, version 3, little-endian, tensors at multiples of 32 bytes. The file appears whole
/// or not at all ([AtomicFiles]), and tensors are made one at a time.
public final class GgufWriter {
    private static final int VERSION = 3;
    private static final int ALIGNMENT = 32;

    private GgufWriter() {}

    /// A tensor to write.
    ///
    /// @param shape as Graft counts, the fastest last
    public record Part(String name, GgufType type, long[] shape, SafetensorsWriter.Source source) {
        public Part {
            shape = shape.clone();
            if (shape.length > 0 && shape[shape.length - 1] % type.blockElements() != 0) {
                throw new IllegalArgumentException("tensor %s, %s, has rows of %d; expected a multiple of %d"
                        .formatted(quote(name), type, shape[shape.length - 1], type.blockElements()));
            }
        }

        public Part(String name, GgufType type, long[] shape, MemorySegment data) {
            this(name, type, shape, channel -> SafetensorsWriter.writeAll(data, channel));
        }

        @Override
        public long[] shape() {
            return shape.clone();
        }

        long bytes() {
            return type.bytes(Shapes.elements(shape));
        }
    }

    /// Writes `parts` in their order, replacing a file that is there.
    public static void write(Path file, Map<String, GgufValue> metadata, List<Part> parts) {
        Set<String> names = new HashSet<>();
        for (Part part : parts) {
            if (!names.add(part.name())) {
                throw new IllegalArgumentException("tensor %s is given twice".formatted(quote(part.name())));
            }
        }
        byte[] header = new Header().of(metadata, parts);
        AtomicFiles.write(file, channel -> {
            SafetensorsWriter.writeFully(ByteBuffer.wrap(header), channel);
            for (Part part : parts) {
                pad(channel);
                ExactChannel.write(part.name(), part.bytes(), part.source(), channel);
            }
            pad(channel); // llama.cpp wants the last one padded, too
        });
    }

    private static void pad(FileChannel channel) throws IOException {
        int missing = (int) (padded(channel.position()) - channel.position());
        SafetensorsWriter.writeFully(ByteBuffer.allocate(missing), channel);
    }

    private static long padded(long position) {
        return Math.ceilDiv(position, ALIGNMENT) * ALIGNMENT;
    }

    private static final class Header {
        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

        byte[] of(Map<String, GgufValue> metadata, List<Part> parts) {
            bytes.writeBytes("GGUF".getBytes(StandardCharsets.US_ASCII));
            number(VERSION, 4);
            number(parts.size(), 8);
            number(metadata.size(), 8);
            metadata.forEach((key, value) -> {
                text(key);
                value(value);
            });
            long offset = 0;
            for (Part part : parts) {
                text(part.name());
                long[] shape = part.shape();
                number(shape.length, 4);
                for (int i = shape.length - 1; i >= 0; i--) {
                    number(shape[i], 8);
                }
                number(part.type().number(), 4);
                number(offset, 8);
                offset = padded(Math.addExact(offset, part.bytes()));
            }
            return Arrays.copyOf(bytes.toByteArray(), (int) padded(bytes.size()));
        }

        private void value(GgufValue value) {
            switch (value) {
                case GgufValue.Whole(GgufValue.Kind kind, long whole) -> {
                    kind(kind);
                    requireFit(kind, whole);
                    number(whole, kind.bytes());
                }
                case GgufValue.Real(GgufValue.Kind kind, double real) -> {
                    kind(kind);
                    if (kind == GgufValue.Kind.FLOAT32) {
                        number(Float.floatToIntBits((float) real), 4);
                    } else {
                        number(Double.doubleToLongBits(real), 8);
                    }
                }
                case GgufValue.Flag(boolean flag) -> {
                    kind(GgufValue.Kind.BOOL);
                    number(flag ? 1 : 0, 1);
                }
                case GgufValue.Text(String text) -> {
                    kind(GgufValue.Kind.STRING);
                    text(text);
                }
                case GgufValue.Texts(List<String> texts) -> {
                    kind(GgufValue.Kind.ARRAY);
                    kind(GgufValue.Kind.STRING);
                    number(texts.size(), 8);
                    texts.forEach(this::text);
                }
                case GgufValue.Numbers numbers -> {
                    kind(GgufValue.Kind.ARRAY);
                    kind(numbers.kind());
                    number(numbers.size(), 8);
                    bytes.writeBytes(numbers.data().toArray(ValueLayout.JAVA_BYTE));
                }
            }
        }

        private static void requireFit(GgufValue.Kind kind, long whole) {
            if (kind == GgufValue.Kind.UINT32 && (whole < 0 || whole > 0xffffffffL)) {
                throw new IllegalArgumentException("%d does not fit %s".formatted(whole, kind));
            }
        }

        private void kind(GgufValue.Kind kind) {
            number(kind.ordinal(), 4);
        }

        private void text(String text) {
            byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
            number(utf8.length, 8);
            bytes.writeBytes(utf8);
        }

        private void number(long value, int count) {
            byte[] all = ByteBuffer.allocate(8)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putLong(value)
                    .array();
            bytes.write(all, 0, count);
        }
    }
}
