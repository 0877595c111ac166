package dev.graft.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class TallyTest {
    private final ByteArrayOutputStream written = new ByteArrayOutputStream();
    private final AtomicLong nanos = new AtomicLong();

    @Test
    void aTerminalSeesCountRateAndTimeLeft() {
        Tally tally = tally(true);
        tally.to(1, 38);
        seconds(2);
        tally.to(13, 38);

        assertThat(text())
                .endsWith("merging  12/38 tensors  6.0 tensors/s  0:04 left")
                .contains("merging  0/38 tensors\r");
        tally.clear();
        assertThat(text()).doesNotContain("\n").endsWith("\u001B[2K");
    }

    @Test
    void aTerminalIsNotRedrawnForEachOfManyFastParts() {
        Tally tally = tally(true);
        for (int part = 1; part <= 1000; part++) {
            tally.to(part, 1000);
        }

        assertThat(text().split("merging")).hasSize(2);
    }

    @Test
    void aPipeSeesNothingOfShortWorkAndALineEveryTenSeconds() {
        Tally tally = tally(false);
        for (int part = 1; part <= 25; part++) {
            tally.to(part, 25);
            seconds(1);
        }

        assertThat(text().lines())
                .containsExactly(
                        "merging  10/25 tensors  1.0 tensors/s  0:15 left",
                        "merging  20/25 tensors  1.0 tensors/s  0:05 left");
    }

    @Test
    void whereNobodyKnowsHowManyThereAreTheTimePassedIsShown() {
        Tally tally = tally(false);
        seconds(20);
        tally.at(240_000);

        assertThat(text()).isEqualToNormalizingNewlines("merging  240,000 tensors  12.0k tensors/s  0:20\n");
    }

    private void seconds(int passed) {
        nanos.addAndGet(passed * 1_000_000_000L);
    }

    private Tally tally(boolean isTerminal) {
        var out = new PrintStream(written, true, StandardCharsets.UTF_8);
        return new Tally(new Console(out, isTerminal, Style.PLAIN, 80, nanos::get), "merging", "tensors", nanos::get);
    }

    private String text() {
        return written.toString(StandardCharsets.UTF_8);
    }
}
