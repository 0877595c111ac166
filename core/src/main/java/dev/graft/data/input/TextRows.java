package dev.graft.data.input;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.io.IOException;
import java.io.InputStream;
import java.util.Optional;

/// Running text: the whole file is one row.
final class TextRows implements RowReader {
    /// Characters are two bytes and tokens more, so that a longer text would need gigabytes at once.
    static final int LONGEST = 256 << 20;

    private final Utf8Reader in;
    private boolean read;

    TextRows(InputStream in) {
        this.in = new Utf8Reader(in);
    }

    @Override
    public Optional<RawRow> next() throws IOException {
        if (read) {
            return Optional.empty();
        }
        read = true;
        var text = new StringBuilder();
        char[] buffer = new char[1 << 16];
        for (int count = in.read(buffer); count >= 0; count = in.read(buffer)) {
            text.append(buffer, 0, count);
            if (text.length() > LONGEST) {
                throw new FileFault(
                        "is longer than %,d characters, which one text may have; split it into several .txt files, or into rows of {\"text\"} in a .jsonl file"
                                .formatted(LONGEST));
            }
        }
        if (text.toString().isBlank()) {
            throw new FileFault("is empty; expected text to learn from");
        }
        return Optional.of(
                new RawRow.Values(1, JsonNodeFactory.instance.objectNode().put("text", text.toString())));
    }

    @Override
    public void close() throws IOException {
        in.close();
    }
}
