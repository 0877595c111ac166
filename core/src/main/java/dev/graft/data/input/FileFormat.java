package dev.graft.data.input;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;

/// The formats that rows are read from, told apart by the ending of the file's name.
///
/// All but Parquet, which compresses inside, may be compressed: `rows.jsonl.gz`, `rows.csv.zst`.
public enum FileFormat {
    /// One JSON object a line.
    JSONL(JsonLineRows::new, "jsonl", "ndjson"),
    /// An array of objects; a file that does not begin with `[` is read as JSONL.
    JSON(JsonRows::open, "json"),
    /// Comma-separated values with a header, quoted as RFC 4180 says.
    CSV(CsvRows::new, "csv"),
    /// Tab-separated values with a header; quotes are ordinary characters, as in `text/tab-separated-values`.
    TSV(TsvRows::new, "tsv"),
    /// Apache Parquet, nested columns included.
    PARQUET(null, "parquet"),
    /// Running text: the whole file is one row with the column `text`.
    TEXT(TextRows::new, "txt", "text");

    private static final List<String> COMPRESSIONS = List.of("gz", "zst");

    /// Makes a reader over a decompressed stream.
    private interface Opener {
        RowReader open(InputStream in) throws IOException;
    }

    private final Opener opener;
    private final List<String> endings;

    FileFormat(Opener opener, String... endings) {
        this.opener = opener;
        this.endings = List.of(endings);
    }

    /// The format that the name of a file stands for.
    public static Optional<FileFormat> of(Path file) {
        String name = file.getFileName().toString().toLowerCase(Locale.ROOT);
        boolean compressed = COMPRESSIONS.contains(ending(name));
        String ending = ending(compressed ? name.substring(0, name.lastIndexOf('.')) : name);
        return Arrays.stream(values())
                .filter(format -> format.endings.contains(ending) && !(compressed && format == PARQUET))
                .findFirst();
    }

    /// `.jsonl, .ndjson, .json, …`, for sentences.
    public static String knownEndings() {
        return Arrays.stream(values())
                .flatMap(format -> format.endings.stream())
                .map(ending -> "." + ending)
                .collect(Collectors.joining(", "));
    }

    /// A reader, and how many bytes of its file were read.
    record Opened(RowReader reader, LongSupplier position) {}

    Opened open(Path file) throws IOException {
        if (this == PARQUET) {
            var rows = new ParquetRows(file);
            return new Opened(rows, rows::position);
        }
        var counted = new CountedStream(Files.newInputStream(file));
        InputStream in = new BufferedInputStream(Compression.open(counted), 1 << 16);
        try {
            ByteOrderMark.pass(in);
            return new Opened(opener.open(in), counted::position);
        } catch (IOException | RuntimeException e) {
            in.close();
            throw e;
        }
    }

    private static String ending(String name) {
        return name.substring(name.lastIndexOf('.') + 1);
    }
}
