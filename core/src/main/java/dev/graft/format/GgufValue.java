package dev.graft.format;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/// A value of a GGUF file's metadata. Numbers of all widths are one kind; their kind in the file is the
/// [Kind].
public sealed interface GgufValue {
    /// A whole number; unsigned 64-bit ones above 2⁶³ are refused on reading.
    record Whole(Kind kind, long value) implements GgufValue {}

    record Real(Kind kind, double value) implements GgufValue {}

    record Flag(boolean value) implements GgufValue {}

    record Text(String value) implements GgufValue {}

    record Texts(List<String> values) implements GgufValue {
        public Texts {
            values = List.copyOf(values);
        }
    }

    /// An array of numbers or flags, read when asked for: a view of the file.
    record Numbers(Kind kind, MemorySegment data) implements GgufValue {
        public int size() {
            return Math.toIntExact(data.byteSize() / kind.bytes);
        }

        public double real(int index) {
            return kind.isReal() ? kind.real(data, (long) index * kind.bytes) : whole(index);
        }

        public long whole(int index) {
            return kind.whole(data, (long) index * kind.bytes);
        }

        public static Numbers of(float... values) {
            MemorySegment data = MemorySegment.ofArray(new byte[4 * values.length]);
            for (int i = 0; i < values.length; i++) {
                data.set(Kind.FLOAT_LE, 4L * i, values[i]);
            }
            return new Numbers(Kind.FLOAT32, data);
        }

        public static Numbers of(int... values) {
            MemorySegment data = MemorySegment.ofArray(new byte[4 * values.length]);
            for (int i = 0; i < values.length; i++) {
                data.set(Kind.INT_LE, 4L * i, values[i]);
            }
            return new Numbers(Kind.INT32, data);
        }
    }

    static GgufValue of(String text) {
        return new Text(text);
    }

    /// A whole number as UINT32, which llama.cpp reads nearly all of them as.
    static GgufValue of(long value) {
        return new Whole(Kind.UINT32, value);
    }

    /// A number as FLOAT32.
    static GgufValue of(double value) {
        return new Real(Kind.FLOAT32, value);
    }

    static GgufValue of(boolean value) {
        return new Flag(value);
    }

    /// In plain types of Java, for printing.
    default Object plain() {
        return switch (this) {
            case Whole whole -> whole.value;
            case Real real ->
                real.kind == Kind.FLOAT32 ? Double.valueOf(Float.toString((float) real.value)) : real.value;
            case Flag flag -> flag.value;
            case Text text -> text.value;
            case Texts texts -> texts.values;
            case Numbers numbers ->
                IntStream.range(0, numbers.size())
                        .<Object>mapToObj(
                                i -> numbers.kind.isReal() ? (Object) numbers.real(i) : (Object) numbers.whole(i))
                        .toList();
        };
    }

    /// The types of the file format, in the order of their numbers there.
    enum Kind {
        UINT8(1),
        INT8(1),
        UINT16(2),
        INT16(2),
        UINT32(4),
        INT32(4),
        FLOAT32(4),
        BOOL(1),
        STRING(0),
        ARRAY(0),
        UINT64(8),
        INT64(8),
        FLOAT64(8);

        private static final ValueLayout.OfShort SHORT_LE =
                ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
        private static final ValueLayout.OfInt INT_LE =
                ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
        private static final ValueLayout.OfLong LONG_LE =
                ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
        private static final ValueLayout.OfFloat FLOAT_LE =
                ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
        private static final ValueLayout.OfDouble DOUBLE_LE =
                ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

        private final int bytes;

        Kind(int bytes) {
            this.bytes = bytes;
        }

        /// Bytes one takes; 0 for those that vary.
        int bytes() {
            return bytes;
        }

        boolean isReal() {
            return this == FLOAT32 || this == FLOAT64;
        }

        static Optional<Kind> numbered(int number) {
            return Arrays.stream(values())
                    .filter(kind -> kind.ordinal() == number)
                    .findFirst();
        }

        long whole(MemorySegment data, long at) {
            return switch (this) {
                case UINT8, BOOL -> data.get(ValueLayout.JAVA_BYTE, at) & 0xff;
                case INT8 -> data.get(ValueLayout.JAVA_BYTE, at);
                case UINT16 -> data.get(SHORT_LE, at) & 0xffff;
                case INT16 -> data.get(SHORT_LE, at);
                case UINT32 -> data.get(INT_LE, at) & 0xffffffffL;
                case INT32 -> data.get(INT_LE, at);
                case UINT64, INT64 -> data.get(LONG_LE, at);
                case FLOAT32, FLOAT64, STRING, ARRAY -> throw new IllegalStateException(this + " is no whole number");
            };
        }

        double real(MemorySegment data, long at) {
            return this == FLOAT32 ? data.get(FLOAT_LE, at) : data.get(DOUBLE_LE, at);
        }
    }
}
