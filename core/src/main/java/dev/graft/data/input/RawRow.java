package dev.graft.data.input;

import com.fasterxml.jackson.databind.node.ObjectNode;

/// One row as it stands in a file, before anybody asks what it means.
///
/// Its number is what an editor shows: the line at which it begins in JSONL, CSV, TSV and text, the
/// element of a JSON array, the row of a Parquet file, each counted from 1.
public sealed interface RawRow {
    int number();

    /// A whole row: its columns and their values.
    record Values(int number, ObjectNode columns) implements RawRow {}

    /// A row that cannot be read; the reason is the rest of a sentence that begins with the row.
    record Broken(int number, String reason) implements RawRow {}
}
