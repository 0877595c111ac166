package dev.graft.format;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/// Safetensors files for tests, built by hand.
final class Bytes {
    private Bytes() {}

    /// A file of `header` and `dataBytes` bytes 0, 1, 2, …
    static byte[] file(String header, int dataBytes) {
        return file(header.getBytes(StandardCharsets.UTF_8), dataBytes);
    }

    static byte[] file(byte[] header, int dataBytes) {
        var file = ByteBuffer.allocate(8 + header.length + dataBytes).order(ByteOrder.LITTLE_ENDIAN);
        file.putLong(header.length).put(header);
        for (int i = 0; i < dataBytes; i++) {
            file.put((byte) i);
        }
        return file.array();
    }

    /// The header of one tensor `a`.
    static String header(String dtype, String shape, String offsets) {
        return "{\"a\":%s}".formatted(tensor(dtype, shape, offsets));
    }

    static String tensor(String dtype, String shape, String offsets) {
        return "{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":%s}".formatted(dtype, shape, offsets);
    }

    static byte[] of(MemorySegment segment) {
        return segment.toArray(ValueLayout.JAVA_BYTE);
    }
}
