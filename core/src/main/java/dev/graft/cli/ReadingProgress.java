package dev.graft.cli;

import dev.graft.data.Reading;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.LongSupplier;

/// How far the reading of files is: rows, bytes a second and the time left, on a terminal in place, elsewhere
/// as a line now and then.
final class ReadingProgress implements Reading, AutoCloseable {
    private static final long NANOS_BETWEEN_FRAMES = 100_000_000;
    private static final long NANOS_BETWEEN_LINES = 10_000_000_000L;

    private final Console console;
    private final String doing;
    private final LongSupplier nanos;
    private final Map<Path, Long> sizes = new LinkedHashMap<>();
    private final Map<Path, Long> rows = new LinkedHashMap<>();
    private final long total;
    private final long begin;
    private long shownAt;
    private long bytesBefore;
    private Path file;
    private long bytesOfFile;

    /// @param doing  what is done with the rows: `reading`, `tokenising` …
    /// @param files  all of them
    ReadingProgress(Console console, String doing, List<Path> files) {
        this(console, doing, files, System::nanoTime);
    }

    ReadingProgress(Console console, String doing, List<Path> files, LongSupplier nanos) {
        this.console = console;
        this.doing = doing;
        this.nanos = nanos;
        files.forEach(one -> sizes.put(one, size(one)));
        this.total = sizes.values().stream().mapToLong(Long::longValue).sum();
        this.begin = nanos.getAsLong();
        this.shownAt = begin;
    }

    private static long size(Path file) {
        try {
            return Files.size(file);
        } catch (IOException e) {
            return 0; // whoever reads it will say so
        }
    }

    @Override
    public void at(Path where, long bytes, long rowsOfFile) {
        if (!where.equals(file)) {
            bytesBefore += bytesOfFile;
            file = where;
        }
        bytesOfFile = bytes;
        rows.put(where, rowsOfFile);
        long now = nanos.getAsLong();
        if (now - shownAt >= (console.isTerminal() ? NANOS_BETWEEN_FRAMES : NANOS_BETWEEN_LINES)) {
            shownAt = now;
            console.busy(line(Duration.ofNanos(now - begin)));
        }
    }

    /// `tokenising  12,000 rows  40 % of 200.0 MB  5.1 MB/s  0:23 left`
    private String line(Duration elapsed) {
        long done = Math.min(total, bytesBefore + bytesOfFile);
        double rate = done / Math.max(1e-9, elapsed.toNanos() / 1e9);
        long all = rows.values().stream().mapToLong(Long::longValue).sum();
        return String.format(
                Locale.ROOT,
                "%s  %s  %d %% of %s  %s/s  %s left",
                doing,
                Facts.count(all, "row"),
                total == 0 ? 100 : Math.round(100.0 * done / total),
                Facts.bytes(total),
                Facts.bytes(Math.round(rate)),
                Progress.clock(Duration.ofMillis(Math.round(1000 * (total - done) / Math.max(1, rate)))));
    }

    /// Takes it from the terminal.
    @Override
    public void close() {
        console.clear();
    }
}
