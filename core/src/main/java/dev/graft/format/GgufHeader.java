package dev.graft.format;

import static dev.graft.format.FormatException.quote;

import dev.graft.format.Safetensors.Entry;
import dev.graft.tensor.Shapes;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// What stands before the weights of a GGUF file, read from the mapped bytes and held against the rules
/// of the format. Nothing in it is believed before it is checked: what is allocated is in proportion to
/// bytes that are there.
final class GgufHeader {
    private static final int MAGIC = 0x46554747; // "GGUF"
    private static final long MAX_BYTES = 256L << 20;
    private static final int MAX_DIMENSIONS = 4;
    private static final long DEFAULT_ALIGNMENT = 32;
    private static final String REPLACE = "The file is damaged: download or export it again.";

    private final Path file;
    private final MemorySegment bytes;
    private final Map<String, GgufValue> metadata = new LinkedHashMap<>();
    private final List<Entry> entries = new ArrayList<>();
    private long position;
    private long dataStart;

    private GgufHeader(Path file, MemorySegment bytes) {
        this.file = file;
        this.bytes = bytes;
    }

    /// @param bytes the whole file
    static GgufHeader parse(Path file, MemorySegment bytes) {
        var header = new GgufHeader(file, bytes);
        header.read();
        header.checkLayout();
        return header;
    }

    Map<String, GgufValue> metadata() {
        return Collections.unmodifiableMap(metadata);
    }

    /// Tensors in the order of their bytes; offsets count from [#dataStart].
    Map<String, Entry> entries() {
        Map<String, Entry> byName = LinkedHashMap.newLinkedHashMap(entries.size());
        entries.forEach(entry -> byName.put(entry.name(), entry));
        return Collections.unmodifiableMap(byName);
    }

    long dataStart() {
        return dataStart;
    }

    private void read() {
        requireMagic();
        long tensors = count("tensors");
        long pairs = count("metadata pairs");
        for (long i = 0; i < pairs; i++) {
            String key = text("a metadata key");
            GgufValue value = value(key, kind("metadata " + quote(key)));
            if (metadata.put(key, value) != null) {
                throw refusal("metadata key %s is there twice".formatted(quote(key)), "each key once");
            }
        }
        List<String> names = new ArrayList<>();
        for (long i = 0; i < tensors; i++) {
            Entry entry = tensor();
            entries.add(entry);
            names.add(entry.name());
        }
        requireDistinct(names);
        long alignment = alignment();
        dataStart = Math.ceilDiv(position, alignment) * alignment;
        if (dataStart > bytes.byteSize() && !entries.isEmpty()) {
            throw refusal("it ends before its tensors begin", "them at byte %,d".formatted(dataStart));
        }
    }

    private void requireMagic() {
        if (bytes.byteSize() < 8 || wholeAt(GgufValue.Kind.UINT32) != MAGIC) {
            throw new FormatException(
                    file,
                    "it does not begin with \"GGUF\" and a version",
                    "a GGUF file",
                    "Download or export it again.");
        }
        long version = wholeAt(GgufValue.Kind.UINT32);
        if (version == 1) {
            throw new FormatException(
                    file,
                    "it is GGUF version 1",
                    "version 2 or 3",
                    "Convert it with a current llama.cpp, or get a newer file.");
        }
        if (version == 0x02000000 || version == 0x03000000) {
            throw new FormatException(
                    file,
                    "it is a big-endian GGUF file",
                    "a little-endian one",
                    "Convert it with gguf-convert-endian, or get the usual file.");
        }
        if (version != 2 && version != 3) {
            throw new FormatException(
                    file, "it is GGUF version " + version, "version 2 or 3", "Load it with a newer Graft.");
        }
    }

    private Entry tensor() {
        String name = text("a tensor name");
        String tensor = "tensor " + quote(name);
        long dimensions = whole(GgufValue.Kind.UINT32, "the dimensions of " + tensor);
        if (dimensions > MAX_DIMENSIONS) {
            throw refusal("%s has %d dimensions".formatted(tensor, dimensions), "0 to " + MAX_DIMENSIONS);
        }
        long[] shape = new long[(int) dimensions];
        for (int i = shape.length - 1; i >= 0; i--) { // the file begins with the fastest
            shape[i] = whole(GgufValue.Kind.UINT64, "the shape of " + tensor);
            if (shape[i] < 0) {
                throw refusal("%s has a dimension beyond 2^63".formatted(tensor), "a size that fits a file");
            }
        }
        int number = (int) whole(GgufValue.Kind.UINT32, "the type of " + tensor);
        GgufType type = GgufType.numbered(number)
                .orElseThrow(() -> new FormatException(
                        file,
                        "%s has type number %d".formatted(tensor, number),
                        "one of ggml's types",
                        "Load it with a newer Graft, or quantise the model again."));
        long offset = whole(GgufValue.Kind.UINT64, "the offset of " + tensor);
        return entry(name, tensor, type, shape, offset);
    }

    private Entry entry(String name, String tensor, GgufType type, long[] shape, long offset) {
        long row = shape.length == 0 ? 1 : shape[shape.length - 1];
        if (row % type.blockElements() != 0) {
            throw refusal(
                    "%s, %s %s, has rows of %d".formatted(tensor, type, Arrays.toString(shape), row),
                    "a multiple of its blocks of " + type.blockElements());
        }
        try {
            long end = Math.addExact(offset, type.bytes(Shapes.elements(shape)));
            if (offset >= 0) {
                return new Entry(name, type.name(), type.dtype(), shape, offset, end);
            }
        } catch (ArithmeticException e) {
            // falls through
        }
        throw refusal(
                "%s of shape %s at offset %s overflows 63 bits"
                        .formatted(tensor, Arrays.toString(shape), Long.toUnsignedString(offset)),
                "a size that fits a file");
    }

    private long alignment() {
        return switch (metadata.get("general.alignment")) {
            case null -> DEFAULT_ALIGNMENT;
            case GgufValue.Whole(var kind, long value)
            when value > 0 && value <= 1 << 20 && Long.bitCount(value) == 1 -> value;
            case GgufValue other ->
                throw refusal("general.alignment is " + other.plain(), "a power of two up to 1048576");
        };
    }

    private void requireDistinct(List<String> names) {
        Collections.sort(names);
        for (int i = 1; i < names.size(); i++) {
            if (names.get(i).equals(names.get(i - 1))) {
                throw refusal("tensor %s is there twice".formatted(quote(names.get(i))), "each name once");
            }
        }
    }

    /// Tensors begin at multiples of the alignment, lie within the file and do not overlap.
    private void checkLayout() {
        entries.sort(Comparator.comparingLong(Entry::begin).thenComparingLong(Entry::end));
        long room = bytes.byteSize() - dataStart;
        long alignment = alignment();
        long next = 0;
        for (Entry entry : entries) {
            String tensor = "tensor %s, bytes %,d to %,d of the data,"
                    .formatted(quote(entry.name()), entry.begin(), entry.end());
            if (entry.end() > room) {
                throw refusal(tensor + " goes beyond the end", "%,d bytes of data".formatted(entry.end()));
            }
            if (entry.begin() % alignment != 0) {
                throw refusal(tensor + " is not aligned", "an offset divisible by " + alignment);
            }
            if (entry.begin() < next) {
                throw refusal(tensor + " overlaps the one before it", "an offset from %,d on".formatted(next));
            }
            next = entry.end();
        }
    }

    private GgufValue value(String key, GgufValue.Kind kind) {
        String where = "metadata " + quote(key);
        return switch (kind) {
            case STRING -> new GgufValue.Text(text(where));
            case ARRAY -> array(where);
            case BOOL -> {
                long value = whole(kind, where);
                if (value > 1) {
                    throw refusal("%s is a truth value of %d".formatted(where, value), "0 or 1");
                }
                yield new GgufValue.Flag(value == 1);
            }
            case FLOAT32, FLOAT64 -> {
                need(kind.bytes(), where);
                double value = kind.real(bytes, position);
                position += kind.bytes();
                yield new GgufValue.Real(kind, value);
            }
            default -> {
                long value = whole(kind, where);
                if (kind == GgufValue.Kind.UINT64 && value < 0) {
                    throw refusal(
                            "%s is %s".formatted(where, Long.toUnsignedString(value)), "at most " + Long.MAX_VALUE);
                }
                yield new GgufValue.Whole(kind, value);
            }
        };
    }

    private GgufValue array(String where) {
        GgufValue.Kind kind = kind(where);
        if (kind == GgufValue.Kind.ARRAY) {
            throw refusal(where + " is an array of arrays", "an array of numbers or texts");
        }
        long count = whole(GgufValue.Kind.UINT64, where);
        long least = kind == GgufValue.Kind.STRING ? 8 : kind.bytes();
        if (count < 0 || count > bytes.byteSize() / least) {
            throw refusal(
                    "%s claims %s values".formatted(where, Long.toUnsignedString(count)),
                    "as many as a file of %,d bytes can hold".formatted(bytes.byteSize()));
        }
        if (kind != GgufValue.Kind.STRING) {
            need(count * least, where);
            MemorySegment data = bytes.asSlice(position, count * least);
            position += count * least;
            return new GgufValue.Numbers(kind, data);
        }
        List<String> texts = new ArrayList<>();
        for (long i = 0; i < count; i++) {
            texts.add(text(where));
        }
        return new GgufValue.Texts(texts);
    }

    private GgufValue.Kind kind(String where) {
        int number = (int) whole(GgufValue.Kind.UINT32, where);
        return GgufValue.Kind.numbered(number)
                .orElseThrow(() -> refusal("%s has the value type %d".formatted(where, number), "0 to 12"));
    }

    private long count(String what) {
        long count = whole(GgufValue.Kind.UINT64, "the number of " + what);
        if (count < 0 || count > bytes.byteSize() / 8) {
            throw refusal(
                    "it claims %s %s".formatted(Long.toUnsignedString(count), what),
                    "as many as a file of %,d bytes can hold".formatted(bytes.byteSize()));
        }
        return count;
    }

    private String text(String where) {
        long length = whole(GgufValue.Kind.UINT64, where);
        if (length < 0 || length > Integer.MAX_VALUE) {
            throw refusal(
                    "%s claims %s bytes".formatted(where, Long.toUnsignedString(length)),
                    "a text of a sensible length");
        }
        need(length, where);
        byte[] utf8 = bytes.asSlice(position, length).toArray(ValueLayout.JAVA_BYTE);
        position += length;
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(utf8))
                    .toString();
        } catch (CharacterCodingException e) {
            throw new FormatException(file, where + " is not UTF-8", "text in UTF-8", REPLACE, e);
        }
    }

    private long whole(GgufValue.Kind kind, String where) {
        need(kind.bytes(), where);
        return wholeAt(kind);
    }

    private long wholeAt(GgufValue.Kind kind) {
        long value = kind.whole(bytes, position);
        position += kind.bytes();
        return value;
    }

    private void need(long count, String where) {
        if (count > bytes.byteSize() - position) {
            throw refusal("it ends within " + where, "%,d more bytes there".formatted(count));
        }
        if (position + count > MAX_BYTES) {
            throw refusal("%s lies beyond byte %,d".formatted(where, MAX_BYTES), "a header no longer than that");
        }
    }

    private FormatException refusal(String found, String expected) {
        return new FormatException(file, found, expected, REPLACE);
    }
}
