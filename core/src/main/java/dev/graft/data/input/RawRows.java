package dev.graft.data.input;

import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.function.LongSupplier;
import java.util.zip.ZipException;

/// The rows of one file, read as they are asked for, so that a file may be larger than memory.
///
/// {@snippet :
/// try (RawRows rows = RawRows.open(Path.of("train.jsonl.gz"))) {
///     while (rows.hasNext()) {
///         switch (rows.next()) {
///             case RawRow.Values(int number, ObjectNode columns) -> System.out.println(columns);
///             case RawRow.Broken(int number, String reason) -> System.out.println(number + " " + reason);
///         }
///     }
/// }
/// }
public final class RawRows implements Iterator<RawRow>, AutoCloseable {
    private final Path file;
    private final RowReader reader;
    private final LongSupplier position;
    private Optional<RawRow> next;
    private int last;

    private RawRows(Path file, FileFormat.Opened opened) {
        this.file = file;
        this.reader = opened.reader();
        this.position = opened.position();
    }

    /// Opens a file in the format that its name stands for.
    ///
    /// @throws IllegalArgumentException when it does not exist, is no file or has no known format
    public static RawRows open(Path file) {
        if (!Files.exists(file)) {
            throw new IllegalArgumentException("%s does not exist; expected a file of examples (%s, also .gz)"
                    .formatted(file, FileFormat.knownEndings()));
        }
        if (Files.isDirectory(file)) {
            throw new IllegalArgumentException("%s is a folder; expected a file".formatted(file));
        }
        FileFormat format = FileFormat.of(file)
                .orElseThrow(() -> new IllegalArgumentException(
                        "%s: files of examples end in %s (all but .parquet also with .gz or .zst behind it), so that their format is known"
                                .formatted(file, FileFormat.knownEndings())));
        try {
            return new RawRows(file, format.open(file));
        } catch (IOException | FileFault e) {
            throw unreadable(file, 0, e);
        }
    }

    public Path file() {
        return file;
    }

    /// About how many bytes of the file were read so far, compressed where it is.
    public long position() {
        return position.getAsLong();
    }

    /// @throws IllegalArgumentException when the file cannot be read on, with the reason
    @Override
    public boolean hasNext() {
        if (next == null) {
            try {
                next = reader.next();
            } catch (IOException | FileFault e) {
                throw unreadable(file, last, e);
            }
        }
        return next.isPresent();
    }

    @Override
    public RawRow next() {
        if (!hasNext()) {
            throw new NoSuchElementException("%s has no more rows".formatted(file));
        }
        RawRow row = next.orElseThrow();
        last = row.number();
        next = null;
        return row;
    }

    @Override
    public void close() {
        try {
            reader.close();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot close " + file, e);
        }
    }

    private static RuntimeException unreadable(Path file, int last, Exception e) {
        return switch (e) {
            case FileFault fault -> new IllegalArgumentException(file + " " + fault.getMessage(), fault);
            case EOFException cut ->
                new IllegalArgumentException(
                        "%s ends in the middle of its compressed data, behind row %d; fetch it again"
                                .formatted(file, last),
                        cut);
            case ZipException damaged ->
                new IllegalArgumentException(
                        "%s is damaged behind row %d: %s; fetch it again".formatted(file, last, damaged.getMessage()),
                        damaged);
            case CharacterCodingException coding ->
                new IllegalArgumentException("%s is not UTF-8 text behind row %d".formatted(file, last), coding);
            case IOException io ->
                new UncheckedIOException("cannot read %s behind row %d: %s".formatted(file, last, io.getMessage()), io);
            default -> new IllegalStateException(e);
        };
    }
}
