package dev.graft.data.input;

import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/// The lines of a UTF-8 stream with their numbers, read one at a time; `\n` and `\r\n` end a line.
///
/// A line longer than [#LONGEST] is passed over without being kept and said to be too long, so that
/// memory stays bounded whatever the file holds.
final class Lines implements Closeable {
    /// Bytes a row may have: far more than a model reads, and little enough to hold a few of them.
    static final int LONGEST = 64 << 20;

    /// A line, or the reason why it is none.
    sealed interface Line {
        int number();

        record Text(int number, String text) implements Line {}

        record Unreadable(int number, String reason) implements Line {}
    }

    private final InputStream in;
    private final byte[] buffer = new byte[1 << 16];
    private int from;
    private int to;
    private int number;

    Lines(InputStream in) {
        this.in = in;
    }

    /// The next line without what ends it; empty at the end of the stream.
    Optional<Line> next() throws IOException {
        if (from == to && !fill()) {
            return Optional.empty();
        }
        number = Math.incrementExact(number);
        int end = lineEnd();
        if (end < to) { // the usual case: the whole line is in the buffer
            Line line = text(buffer, from, end);
            from = end + 1;
            return Optional.of(line);
        }
        return Optional.of(longLine());
    }

    private Line longLine() throws IOException {
        var kept = new ByteArrayOutputStream();
        long length = 0;
        do {
            int end = lineEnd();
            length += end - from;
            if (length <= LONGEST) {
                kept.write(buffer, from, end - from);
            }
            from = Math.min(to, end + 1);
            if (end < to) {
                return line(kept, length);
            }
        } while (fill());
        return line(kept, length);
    }

    private Line line(ByteArrayOutputStream kept, long length) {
        if (length > LONGEST) {
            return new Line.Unreadable(
                    number,
                    "is %,d bytes long; a row may have %,d (%d MiB). Split it into several rows"
                            .formatted(length, LONGEST, LONGEST >> 20));
        }
        byte[] bytes = kept.toByteArray();
        return text(bytes, 0, bytes.length);
    }

    private Line text(byte[] bytes, int start, int end) {
        int last = end > start && bytes[end - 1] == '\r' ? end - 1 : end;
        ByteBuffer line = ByteBuffer.wrap(bytes, start, last - start);
        try {
            return new Line.Text(
                    number, StandardCharsets.UTF_8.newDecoder().decode(line).toString());
        } catch (CharacterCodingException e) {
            return new Line.Unreadable(
                    number,
                    "is not UTF-8 text: byte %d of the row is 0x%02X; save the file as UTF-8"
                            .formatted(line.position() - start + 1, bytes[line.position()]));
        }
    }

    private int lineEnd() {
        int end = from;
        while (end < to && buffer[end] != '\n') {
            end++;
        }
        return end;
    }

    private boolean fill() throws IOException {
        from = 0;
        to = Math.max(0, in.read(buffer));
        return to > 0;
    }

    @Override
    public void close() throws IOException {
        in.close();
    }
}
