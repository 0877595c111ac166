package dev.graft.format;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/// GGUF files for tests, built by hand.
final class GgufBytes {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    /// A file of one metadata text and two F32 tensors, of 4 and 3 elements, the second at byte 32 of
    /// the data.
    static byte[] valid() {
        return new GgufBytes()
                .start(3, 2, 1)
                .text("general.architecture")
                .u32(8)
                .text("llama")
                .tensor("w", 0, 0, 2, 2)
                .tensor("b", 0, 32, 3)
                .padded(32)
                .data(44)
                .bytes();
    }

    GgufBytes start(int version, long tensors, long pairs) {
        return raw("GGUF".getBytes(StandardCharsets.US_ASCII))
                .u32(version)
                .u64(tensors)
                .u64(pairs);
    }

    GgufBytes raw(byte[] raw) {
        bytes.writeBytes(raw);
        return this;
    }

    GgufBytes u32(int value) {
        return raw(ByteBuffer.allocate(4)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(value)
                .array());
    }

    GgufBytes u64(long value) {
        return raw(ByteBuffer.allocate(8)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(value)
                .array());
    }

    GgufBytes text(String text) {
        byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
        return u64(utf8.length).raw(utf8);
    }

    /// @param dimensions the fastest first, as in the file
    GgufBytes tensor(String name, int type, long offset, long... dimensions) {
        text(name).u32(dimensions.length);
        for (long size : dimensions) {
            u64(size);
        }
        return u32(type).u64(offset);
    }

    GgufBytes padded(int alignment) {
        while (bytes.size() % alignment != 0) {
            bytes.write(0);
        }
        return this;
    }

    /// Bytes 0, 1, 2, …
    GgufBytes data(int count) {
        for (int i = 0; i < count; i++) {
            bytes.write(i);
        }
        return this;
    }

    byte[] bytes() {
        return bytes.toByteArray();
    }
}
