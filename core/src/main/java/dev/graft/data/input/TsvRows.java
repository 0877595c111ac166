package dev.graft.data.input;

import dev.graft.data.input.Lines.Line;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/// Tab-separated values as IANA's `text/tab-separated-values` defines them: a row a line, quotes mean
/// nothing.
final class TsvRows implements RowReader {
    private final Lines lines;
    private Header header;

    TsvRows(InputStream in) {
        lines = new Lines(in);
    }

    @Override
    public Optional<RawRow> next() throws IOException {
        for (var line = lines.next(); line.isPresent(); line = lines.next()) {
            switch (line.get()) {
                case Line.Unreadable(int number, String reason) -> {
                    return Optional.of(new RawRow.Broken(number, reason));
                }
                case Line.Text(int _, String text) when text.isEmpty() -> {} // a blank line is no row
                case Line.Text(int _, String text) when header == null -> header = Header.of(fields(text));
                case Line.Text(int number, String text) -> {
                    return Optional.of(header.row(number, fields(text)));
                }
            }
        }
        return Optional.empty();
    }

    private static List<String> fields(String line) {
        return Arrays.asList(line.split("\t", -1));
    }

    @Override
    public void close() throws IOException {
        lines.close();
    }
}
