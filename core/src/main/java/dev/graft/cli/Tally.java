package dev.graft.cli;

import dev.graft.export.Advance;
import java.time.Duration;
import java.util.Locale;
import java.util.function.LongSupplier;

/// How far a command is with something it can count: `merging  12/38 tensors  4.1 tensors/s  0:06 left`.
/// On a terminal one line that is rewritten; elsewhere a plain line every ten seconds, so that short
/// work says nothing.
final class Tally implements Advance {
    private static final long NANOS_BETWEEN_FRAMES = 100_000_000L;
    private static final long NANOS_BETWEEN_LINES = 10_000_000_000L;

    private final Console console;
    private final String doing;
    private final String unit;
    private final LongSupplier nanos;
    private final long began;
    private long said;

    /// @param doing such as `merging`
    /// @param unit  what is counted, such as `tensors`
    Tally(Console console, String doing, String unit, LongSupplier nanos) {
        this.console = console;
        this.doing = doing;
        this.unit = unit;
        this.nanos = nanos;
        this.began = nanos.getAsLong();
        this.said = began - (console.isTerminal() ? NANOS_BETWEEN_FRAMES : 0);
    }

    /// On standard error.
    static Tally of(String doing, String unit) {
        return new Tally(Console.stderr(), doing, unit, System::nanoTime);
    }

    @Override
    public void to(int begun, int all) {
        at(begun - 1L, all);
    }

    /// @param done how many are done, where nobody knows how many there are
    void at(long done) {
        at(done, 0);
    }

    void at(long done, long all) {
        long now = nanos.getAsLong();
        if (now - said < (console.isTerminal() ? NANOS_BETWEEN_FRAMES : NANOS_BETWEEN_LINES)) {
            return;
        }
        said = now;
        String line = line(done, all, now - began);
        if (console.isTerminal()) {
            console.busy(line);
        } else {
            console.say(line);
        }
    }

    private String line(long done, long all, long nanosPassed) {
        double rate = done / Math.max(nanosPassed / 1e9, 1e-9);
        String count = all == 0
                ? String.format(Locale.ROOT, "%,d %s", done, unit)
                : String.format(Locale.ROOT, "%,d/%,d %s", done, all, unit);
        if (done == 0) {
            return "%s  %s".formatted(doing, count);
        }
        String time = all == 0
                ? Progress.clock(Duration.ofNanos(nanosPassed))
                : Progress.clock(Duration.ofMillis((long) (1000 * (all - done) / rate))) + " left";
        return "%s  %s  %s %s/s  %s".formatted(doing, count, shown(rate), unit, time);
    }

    private static String shown(double rate) {
        return rate < 10 ? String.format(Locale.ROOT, "%.1f", rate) : Progress.rate(rate);
    }

    /// Takes the line from the terminal.
    void clear() {
        console.clear();
    }
}
