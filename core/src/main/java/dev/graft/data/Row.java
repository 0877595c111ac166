package dev.graft.data;

import java.nio.file.Path;

/// An example and where it was read, so that every later complaint can name the place.
///
/// @param file    the file it came from
/// @param number  line of a JSONL file, element of a JSON array, both counted from 1
public record Row(Path file, int number, Example example) {

    /// `train.jsonl row 17`
    public String where() {
        return "%s row %d".formatted(file, number);
    }
}
