package dev.graft.data.input;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.apache.parquet.ParquetReadOptions;
import org.apache.parquet.column.page.PageReadStore;
import org.apache.parquet.conf.PlainParquetConfiguration;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.example.data.simple.convert.GroupRecordConverter;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.io.ColumnIOFactory;
import org.apache.parquet.io.LocalInputFile;
import org.apache.parquet.io.MessageColumnIO;
import org.apache.parquet.io.RecordReader;
import org.apache.parquet.schema.MessageType;

/// The rows of an Apache Parquet file, one row group in memory at a time.
final class ParquetRows implements RowReader {
    private final ParquetFileReader file;
    private final long bytes;
    private final MessageType schema;
    private final MessageColumnIO columns;
    private RecordReader<Group> group;
    private long left;
    private int number;

    ParquetRows(Path path) throws IOException {
        var options = ParquetReadOptions.builder(new PlainParquetConfiguration())
                .withCodecFactory(new ParquetCodecs())
                .build();
        try {
            file = ParquetFileReader.open(new LocalInputFile(path), options);
        } catch (RuntimeException e) { // the library's word for a file that is none of its own
            throw new FileFault("is not a Parquet file that can be read: %s".formatted(reason(e)), e);
        }
        bytes = Files.size(path);
        schema = file.getFileMetaData().getSchema();
        columns = new ColumnIOFactory().getColumnIO(schema);
    }

    @Override
    public Optional<RawRow> next() throws IOException {
        try {
            while (left == 0) {
                PageReadStore pages = file.readNextRowGroup();
                if (pages == null) {
                    return Optional.empty();
                }
                group = columns.getRecordReader(pages, new GroupRecordConverter(schema));
                left = pages.getRowCount();
            }
            number = Math.incrementExact(number);
            left--;
            return Optional.of(row(group.read()));
        } catch (FileFault e) {
            throw e;
        } catch (RuntimeException e) { // pages that decode to nonsense
            throw new FileFault("is damaged at row %d: %s; fetch it again".formatted(number, reason(e)), e);
        }
    }

    /// The library names its own objects where the file is meant, and some faults have no words at all.
    private static String reason(RuntimeException e) {
        return e.getMessage() == null || e instanceof NullPointerException
                ? "its pages do not fit together"
                : e.getMessage().replaceFirst("^org\\.apache\\.parquet\\.io\\.\\w+@\\w+ ", "it ");
    }

    /// As many bytes as the share of its rows that were read.
    long position() {
        return Math.round(bytes * (number / (double) Math.max(1, file.getRecordCount())));
    }

    private RawRow row(Group values) {
        try {
            return new RawRow.Values(number, ParquetValues.row(values));
        } catch (ParquetValues.NotText e) {
            return new RawRow.Broken(number, "is not UTF-8 text: %s; write the file again".formatted(e.getMessage()));
        }
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
