package dev.graft.cli;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// Where a training run stands after a step, and how that reads as one line.
///
/// @param step            steps done
/// @param steps           steps there are
/// @param loss            mean loss of the labelled tokens
/// @param learningRate    of this step
/// @param gradientNorm    before clipping
/// @param tokensPerSecond processed, padding not counted
/// @param elapsed         since the first step began
/// @param memoryMegabytes resident memory of this process
record Progress(
        int step,
        int steps,
        double loss,
        double learningRate,
        double gradientNorm,
        double tokensPerSecond,
        Duration elapsed,
        long memoryMegabytes) {
    private static final int BAR = 24;
    private static final int SHORTEST_BAR = 8;

    Progress {
        if (step < 0 || steps < 1 || step > steps) {
            throw new IllegalArgumentException("step %d of %d is not a place in a run".formatted(step, steps));
        }
    }

    /// The time left if every step takes as long as those so far did.
    Duration remaining() {
        return step == 0 ? Duration.ZERO : elapsed.multipliedBy(steps - step).dividedBy(step);
    }

    /// For a file or a pipe: a line that stands alone, and reads the same in every locale.
    String plain() {
        return "step %d/%d  loss %s  lr %s  grad_norm %s  %s tok/s  %d MB  elapsed %s  left %s"
                .formatted(
                        step,
                        steps,
                        fixed(loss, 4),
                        scientific(learningRate),
                        fixed(gradientNorm, 3),
                        fixed(tokensPerSecond, 0),
                        memoryMegabytes,
                        clock(elapsed),
                        clock(remaining()));
    }

    /// For a terminal: at most `width` columns, the bar giving way first, then what stands last.
    ///
    /// @param style   colours, or none
    /// @param unicode whether the terminal can show the line-drawing characters of the bar
    String live(int width, Style style, boolean unicode) {
        List<String> facts = new ArrayList<>(List.of(
                "loss " + fixed(loss, 4),
                rate(tokensPerSecond) + " tok/s",
                clock(remaining()) + " left",
                "lr " + scientific(learningRate),
                megabytes(memoryMegabytes)));
        String head = "step %d/%d".formatted(step, steps);
        while (facts.size() > 1 && length(head, facts) + SHORTEST_BAR + 2 > width) {
            facts.removeLast();
        }
        int bar = Math.min(BAR, width - length(head, facts) - 2);
        var line = new StringBuilder(style.bold(head));
        if (bar >= SHORTEST_BAR) {
            line.append("  ").append(bar(bar, style, unicode));
        }
        line.append("  ").append(style.green(facts.getFirst()));
        facts.stream().skip(1).forEach(fact -> line.append("  ").append(fact));
        return length(head, facts) <= width ? line.toString() : head.substring(0, Math.min(width, head.length()));
    }

    private static int length(String head, List<String> facts) {
        return head.length()
                + facts.stream().mapToInt(fact -> 2 + fact.length()).sum();
    }

    private String bar(int cells, Style style, boolean unicode) {
        int filled = (int) Math.round(cells * (double) step / steps);
        return style.green((unicode ? "━" : "#").repeat(filled))
                + style.dim((unicode ? "─" : ".").repeat(cells - filled));
    }

    /// `1:02:03`, `4:05`: hours only when there are some.
    static String clock(Duration duration) {
        long seconds = Math.round(duration.toMillis() / 1000.0);
        return seconds >= 3600
                ? "%d:%02d:%02d".formatted(seconds / 3600, seconds / 60 % 60, seconds % 60)
                : "%d:%02d".formatted(seconds / 60, seconds % 60);
    }

    /// `950`, `12.3k`, `1.2M`.
    static String rate(double perSecond) {
        if (!Double.isFinite(perSecond)) {
            return "?";
        }
        return perSecond < 1_000
                ? fixed(perSecond, 0)
                : perSecond < 999_950 ? fixed(perSecond / 1e3, 1) + "k" : fixed(perSecond / 1e6, 1) + "M";
    }

    /// `812 MB`, `3.4 GB`.
    static String megabytes(long megabytes) {
        return megabytes < 1024 ? megabytes + " MB" : fixed(megabytes / 1024.0, 1) + " GB";
    }

    /// `2.00e-04`; a rate of nothing is `0`.
    private static String scientific(double value) {
        return value == 0 ? "0" : String.format(Locale.ROOT, "%.2e", value);
    }

    private static String fixed(double value, int digits) {
        return Double.isFinite(value) ? String.format(Locale.ROOT, "%." + digits + "f", value) : Double.toString(value);
    }
}
