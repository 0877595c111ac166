package dev.graft.data;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// Reads a plain text file as one row, for training on running text.
///
/// The text is tokenised whole and then cut into pieces of the greatest length allowed that do not overlap.
public final class TextFile {

    private TextFile() {}

    /// @return  one row with the whole text, without a byte order mark
    public static List<Row> read(Path file) {
        byte[] bytes = bytes(file);
        int start = startsWithByteOrderMark(bytes) ? 3 : 0;
        String text;
        try {
            text = StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes, start, bytes.length - start))
                    .toString();
        } catch (CharacterCodingException e) {
            throw new IllegalArgumentException(file + " is not UTF-8 text; convert it first", e);
        }
        if (text.isBlank()) {
            throw new IllegalArgumentException(file + " is empty; expected text to learn from");
        }
        return List.of(new Row(file, 1, new Example.Text(text, true)));
    }

    static boolean startsWithByteOrderMark(byte[] bytes) {
        return bytes.length >= 3 && bytes[0] == (byte) 0xEF && bytes[1] == (byte) 0xBB && bytes[2] == (byte) 0xBF;
    }

    static byte[] bytes(Path file) {
        try {
            return Files.readAllBytes(file);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read %s: %s".formatted(file, e.getMessage()), e);
        }
    }
}
