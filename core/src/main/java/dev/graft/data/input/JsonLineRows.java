package dev.graft.data.input;

import dev.graft.data.input.Lines.Line;
import java.io.IOException;
import java.io.InputStream;
import java.util.Optional;

/// JSONL: each line that is not blank is a row, whatever is wrong with the others.
final class JsonLineRows implements RowReader {
    private final Lines lines;

    JsonLineRows(InputStream in) {
        lines = new Lines(in);
    }

    @Override
    public Optional<RawRow> next() throws IOException {
        for (var line = lines.next(); line.isPresent(); line = lines.next()) {
            switch (line.get()) {
                case Line.Unreadable(int number, String reason) -> {
                    return Optional.of(new RawRow.Broken(number, reason));
                }
                case Line.Text(int number, String text)
                when !text.isBlank() -> {
                    return Optional.of(JsonText.row(number, text));
                }
                case Line.Text _ -> {} // a blank line is no row
            }
        }
        return Optional.empty();
    }

    @Override
    public void close() throws IOException {
        lines.close();
    }
}
