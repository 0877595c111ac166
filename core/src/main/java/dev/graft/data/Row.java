package dev.graft.data;

import java.nio.file.Path;

/// An example and where it was read, so that every later complaint can name the place.
///
/// @param file    the file it came from
/// @param number  the line at which it begins in JSONL, CSV, TSV and text, the element of a JSON array,
///                the row of a Parquet file, each counted from 1
public record Row(Path file, int number, Example example) {

    /// Whether it is a whole text, to be cut into windows.
    boolean isWindowed() {
        return example instanceof Example.Text text && text.windowed();
    }

    /// `train.jsonl row 17`
    public String where() {
        return "%s row %d".formatted(file, number);
    }
}
