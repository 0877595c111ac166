package dev.graft.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class ConsoleTest {
    private final ByteArrayOutputStream written = new ByteArrayOutputStream();
    private final AtomicLong nanos = new AtomicLong();

    @Test
    void aPipeGetsALineForEachLoggedStepAndNoControlCharacters() {
        Console console = console(false, Style.PLAIN);
        console.busy("evaluating …");
        console.progress(at(9), false);
        console.progress(at(10), true);
        console.keep();

        assertThat(text().lines())
                .containsExactly(
                        "evaluating …",
                        "step 10/40  loss 2.5000  lr 2.00e-04  grad_norm 0.750  12345 tok/s  812 MB  elapsed 0:20  left 1:00");
        assertThat(text()).doesNotContain("\u001B", "\r");
    }

    @Test
    void aTerminalGetsOneLineThatIsRewritten() {
        Console console = console(true, Style.PLAIN);
        console.progress(at(1), true);
        nanos.addAndGet(200_000_000);
        console.progress(at(2), false);
        console.keep();

        assertThat(text()).containsOnlyOnce("\n").contains("\r\u001B[2K");
        assertThat(screen()).containsExactly(at(2).live(79, Style.PLAIN, true), "");
    }

    @Test
    void aTerminalIsNotRedrawnForEachOfManyFastSteps() {
        Console console = console(true, Style.PLAIN);
        console.progress(at(1), true);
        for (int step = 2; step <= 39; step++) {
            nanos.addAndGet(1_000_000);
            console.progress(at(step), true);
        }
        console.progress(at(40), true);

        assertThat(text().split("step ")).as("the first and the last").hasSize(3);
        assertThat(screen()).singleElement().asString().startsWith("step 40/40");
    }

    @Test
    void whatIsSaidStandsAboveTheProgress() {
        Console console = console(true, Style.PLAIN);
        console.progress(at(1), true);
        console.say("step 1: held-out loss 2.1");

        assertThat(screen()).containsExactly("step 1: held-out loss 2.1", at(1).live(79, Style.PLAIN, true));
        console.clear();
        assertThat(screen()).containsExactly("step 1: held-out loss 2.1", "");
    }

    @Property
    void theLiveLineFitsTheTerminal(@ForAll @IntRange(min = 20, max = 200) int width, @ForAll boolean unicode) {
        String line = at(7).live(width, Style.COLOURED, unicode);

        assertThat(line.replaceAll("\u001B\\[\\d+m", ""))
                .hasSizeLessThanOrEqualTo(width)
                .startsWith("step 7/40");
    }

    @Test
    void theBarFillsWithTheSteps() {
        assertThat(at(20).live(100, Style.PLAIN, true)).contains("  ━━━━━━━━━━━━────────────  ");
        assertThat(at(40).live(100, Style.PLAIN, false)).contains("  ########################  ");
        assertThat(at(20).live(24, Style.PLAIN, true)).isEqualTo("step 20/40  loss 2.5000");
    }

    @Test
    void coloursNeedATerminalAndNoNoColor() {
        assertThat(Console.wantsColour(true, null, "xterm")).isTrue();
        assertThat(Console.wantsColour(true, "", null)).isTrue();
        assertThat(Console.wantsColour(true, "1", "xterm")).isFalse();
        assertThat(Console.wantsColour(true, null, "dumb")).isFalse();
        assertThat(Console.wantsColour(false, null, "xterm")).isFalse();
        assertThat(Style.PLAIN.red("x")).isEqualTo("x");
        assertThat(Style.COLOURED.red("x")).isEqualTo("\u001B[31mx\u001B[0m");
    }

    @Test
    void numbersKeepTheirUnitsShort() {
        assertThat(List.of(59.4, 61.0, 3_600.0, 7_384.0))
                .extracting(seconds -> Progress.clock(Duration.ofMillis((long) (seconds * 1000))))
                .containsExactly("0:59", "1:01", "1:00:00", "2:03:04");
        assertThat(List.of(950.0, 12_345.0, 999_960.0, Double.NaN))
                .extracting(Progress::rate)
                .containsExactly("950", "12.3k", "1.0M", "?");
        assertThat(List.of(812L, 3_482L)).extracting(Progress::megabytes).containsExactly("812 MB", "3.4 GB");
    }

    @Test
    void theTimeLeftIsUnknownBeforeTheFirstStepAndZeroAfterTheLast() {
        assertThat(at(0).remaining()).isZero();
        assertThat(at(10).remaining()).isEqualTo(Duration.ofSeconds(60));
        assertThat(at(40).remaining()).isZero();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> at(41))
                .withMessage("step 41 of 40 is not a place in a run");
    }

    /// Two seconds a step.
    private static Progress at(int step) {
        return new Progress(step, 40, 2.5, 2e-4, 0.75, 12_345.4, Duration.ofSeconds(2L * step), 812);
    }

    private Console console(boolean isTerminal, Style style) {
        return new Console(new PrintStream(written, true, StandardCharsets.UTF_8), isTerminal, style, 80, nanos::get);
    }

    private String text() {
        return written.toString(StandardCharsets.UTF_8);
    }

    /// What a terminal shows in the end: of each line what was written after it was last erased.
    private List<String> screen() {
        return Arrays.stream(text().split("\r?\n", -1))
                .map(line -> line.substring(line.lastIndexOf('\r') + 1).replace("\u001B[2K", ""))
                .toList();
    }
}
