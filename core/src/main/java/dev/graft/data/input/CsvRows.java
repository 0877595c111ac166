package dev.graft.data.input;

import de.siegmar.fastcsv.reader.CloseableIterator;
import de.siegmar.fastcsv.reader.CsvParseException;
import de.siegmar.fastcsv.reader.CsvReader;
import de.siegmar.fastcsv.reader.CsvRecord;
import de.siegmar.fastcsv.reader.FieldMismatchStrategy;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Optional;

/// Comma-separated values as RFC 4180 defines them: a field in quotes may hold commas, line breaks and `""`.
///
/// A quote that is never closed swallows what follows, so that such a fault ends the reading.
final class CsvRows implements RowReader {
    private final CsvReader<CsvRecord> reader;
    private final CloseableIterator<CsvRecord> records;
    private Header header;
    private long last;

    CsvRows(InputStream in) {
        reader = CsvReader.builder()
                .fieldSeparator(',')
                .quoteCharacter('"')
                .skipEmptyLines(true)
                .extraFieldStrategy(FieldMismatchStrategy.IGNORE) // counted against the header here
                .missingFieldStrategy(FieldMismatchStrategy.IGNORE)
                .allowUnclosedQuote(false)
                .maxBufferSize(Lines.LONGEST)
                .ofCsvRecord(new Utf8Reader(in));
        records = reader.iterator();
    }

    @Override
    public Optional<RawRow> next() throws IOException {
        try {
            while (records.hasNext()) {
                CsvRecord row = records.next();
                last = row.getStartingLineNumber();
                if (header == null) {
                    header = Header.of(row.getFields());
                } else {
                    return Optional.of(header.row(Math.toIntExact(last), row.getFields()));
                }
            }
            return Optional.empty();
        } catch (CsvParseException e) {
            throw new FileFault(
                    "cannot be read as CSV behind row %d: %s. A field that holds a comma, a quote or a line break stands in quotes, quotes in it doubled (RFC 4180)"
                            .formatted(last, reason(e)),
                    e);
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    /// The library wraps faults of the text once more, in words about itself.
    private static String reason(CsvParseException e) {
        Throwable inner = e;
        while (inner.getCause() != null) {
            if (inner.getCause() instanceof FileFault fault) {
                throw fault;
            }
            inner = inner.getCause();
        }
        return inner.getMessage();
    }

    @Override
    public void close() throws IOException {
        records.close();
        reader.close();
    }
}
