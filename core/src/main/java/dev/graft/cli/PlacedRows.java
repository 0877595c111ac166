package dev.graft.cli;

import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.data.Reading;
import dev.graft.data.input.RawRow;
import dev.graft.data.input.RawRows;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;

/// The rows of files one after another, each with its place.
final class PlacedRows implements Iterator<PlacedRows.Placed>, AutoCloseable {
    private final Iterator<Path> left;
    private final Reading reading;
    private RawRows rows;
    private long read;

    /// @param reading  is told how far it is
    PlacedRows(List<Path> files, Reading reading) {
        this.left = files.iterator();
        this.reading = reading;
    }

    /// A row and where it stands.
    record Placed(Path file, RawRow row) {

        /// `train.jsonl row 17`
        String where() {
            return "%s row %d".formatted(file, row.number());
        }

        /// About as many characters as its texts have.
        long size() {
            return row instanceof RawRow.Values values ? size(values.columns()) : 0;
        }

        private static long size(JsonNode value) {
            long size = value.isTextual() ? value.textValue().length() : 1;
            for (JsonNode item : value) {
                size += size(item);
            }
            return size;
        }
    }

    @Override
    public boolean hasNext() {
        while (rows == null || !rows.hasNext()) {
            close();
            if (!left.hasNext()) {
                return false;
            }
            rows = RawRows.open(left.next());
            read = 0;
        }
        return true;
    }

    @Override
    public Placed next() {
        if (!hasNext()) {
            throw new NoSuchElementException("there are no more rows");
        }
        Placed next = new Placed(rows.file(), rows.next());
        reading.at(rows.file(), rows.position(), ++read);
        return next;
    }

    @Override
    public void close() {
        if (rows != null) {
            rows.close();
            rows = null;
        }
    }
}
