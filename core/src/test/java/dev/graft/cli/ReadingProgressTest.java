package dev.graft.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReadingProgressTest {
    @TempDir
    Path folder;

    private final ByteArrayOutputStream written = new ByteArrayOutputStream();
    private long nanos;

    @Test
    void rateAndTimeLeftComeFromTheBytesOfAllFiles() throws IOException {
        Path first = Files.write(folder.resolve("a.jsonl"), new byte[3_000_000]);
        Path second = Files.write(folder.resolve("b.jsonl"), new byte[1_000_000]);
        ReadingProgress progress = progress(true, List.of(first, second));
        nanos = 1_000_000_000;
        progress.at(first, 1_000_000, 10);
        assertThat(shown()).endsWith("reading  10 rows  25 % of 3.8 MB  976.6 KB/s  0:03 left");
        nanos = 4_000_000_000L;
        progress.at(second, 1_000_000, 5);
        assertThat(shown()).endsWith("reading  15 rows  50 % of 3.8 MB  488.3 KB/s  0:04 left");
    }

    @Test
    void withoutATerminalALineComesNowAndThen() throws IOException {
        Path file = Files.write(folder.resolve("a.jsonl"), new byte[1_000]);
        ReadingProgress progress = progress(false, List.of(file));
        for (int second = 1; second <= 25; second++) {
            nanos = second * 1_000_000_000L;
            progress.at(file, 10 * second, second);
        }
        assertThat(shown().lines()).hasSize(2).allMatch(line -> line.endsWith(" left"));
    }

    private ReadingProgress progress(boolean isTerminal, List<Path> files) {
        var out = new PrintStream(written, true, StandardCharsets.UTF_8);
        return new ReadingProgress(
                new Console(out, isTerminal, Style.PLAIN, 100, () -> nanos), "reading", files, () -> nanos);
    }

    private String shown() {
        return written.toString(StandardCharsets.UTF_8);
    }
}
