package dev.graft.data.input;

import java.io.IOException;
import java.io.InputStream;
import java.io.Reader;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;

/// UTF-8 as characters, strictly: bytes that are no UTF-8 are a fault that names line and byte.
final class Utf8Reader extends Reader {
    private final InputStream in;
    private final CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder();
    private final ByteBuffer bytes = ByteBuffer.allocate(1 << 16).flip();
    private long before;
    private int line = 1;
    private boolean ended;

    Utf8Reader(InputStream in) {
        this.in = in;
    }

    @Override
    public int read(char[] buffer, int offset, int length) throws IOException {
        CharBuffer chars = CharBuffer.wrap(buffer, offset, length);
        while (chars.position() == offset && length > 0) { // the position counts from the start of the array
            CoderResult result = decoder.decode(bytes, chars, ended);
            if (result.isError()) {
                countLines(buffer, offset, chars.position() - offset);
                throw new FileFault("is not UTF-8 text: line %,d, byte %,d of the file is 0x%02X; save it as UTF-8"
                        .formatted(line, before + bytes.position() + 1, bytes.get(bytes.position())));
            }
            if (chars.position() == offset) {
                if (ended) {
                    return -1;
                }
                fill();
            }
        }
        int count = chars.position() - offset;
        countLines(buffer, offset, count);
        return count;
    }

    private void fill() throws IOException {
        before += bytes.position();
        bytes.compact();
        int count = in.read(bytes.array(), bytes.position(), bytes.remaining());
        ended = count < 0;
        bytes.position(bytes.position() + Math.max(0, count)).flip();
    }

    private void countLines(char[] buffer, int offset, int length) {
        for (int i = offset; i < offset + length; i++) {
            line += buffer[i] == '\n' ? 1 : 0;
        }
    }

    @Override
    public void close() throws IOException {
        in.close();
    }
}
