package dev.graft.eval;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// A range of values with round ticks, laid over a range of pixels.
///
/// @param ticks ascending; the first is at most the smallest value, the last at least the largest when it
///              was `widened`
record Axis(double low, double high, double pixelLow, double pixelHigh, List<Double> ticks) {

    /// An axis that ends at ticks, for values that stand above each other.
    static Axis widened(double min, double max, double pixelLow, double pixelHigh, int ticks) {
        double step = step(min, max, ticks);
        long first = (long) Math.floor(min / step + 1e-9);
        long last = Math.max(first + 1, (long) Math.ceil(max / step - 1e-9));
        return new Axis(first * step, last * step, pixelLow, pixelHigh, multiples(first, last, step));
    }

    /// An axis that ends where the values do, for steps.
    static Axis exact(double min, double max, double pixelLow, double pixelHigh, int ticks) {
        double end = max > min ? max : min + 1;
        double step = Math.max(1, step(min, end, ticks));
        long first = (long) Math.ceil(min / step - 1e-9);
        long last = (long) Math.floor(end / step + 1e-9);
        return new Axis(min, end, pixelLow, pixelHigh, multiples(first, last, step));
    }

    /// 1, 2 or 5 times a power of ten, so that about `ticks` of them fit.
    private static double step(double min, double max, int ticks) {
        double span = max > min ? max - min : Math.max(Math.abs(max), 1) / 10;
        double rough = span / ticks;
        double power = Math.pow(10, Math.floor(Math.log10(rough)));
        for (double factor : new double[] {1, 2, 5}) {
            if (factor * power >= rough * (1 - 1e-9)) {
                return factor * power;
            }
        }
        return 10 * power;
    }

    private static List<Double> multiples(long first, long last, double step) {
        List<Double> ticks = new ArrayList<>();
        for (long i = first; i <= last; i++) {
            // 3 × 0.1 is 0.30000000000000004; twelve digits are more than a label shows
            ticks.add(new BigDecimal(i * step).round(new MathContext(12)).doubleValue());
        }
        return List.copyOf(ticks);
    }

    double pixel(double value) {
        return pixelLow + (value - low) / (high - low) * (pixelHigh - pixelLow);
    }

    /// All ticks in the same notation: `1.5`, `200`, `12k`, or `5e-5` when none reaches a thousandth.
    String label(double tick) {
        double largest = Math.max(Math.abs(low), Math.abs(high));
        if (tick == 0) {
            return "0";
        }
        if (largest < 1e-3) {
            return String.format(Locale.ROOT, "%.2e", tick).replaceFirst("\\.?0*e([+-])0?", "e$1");
        }
        if (largest >= 1e6) {
            return plain(tick / 1e6) + "M";
        }
        return largest >= 1e4 ? plain(tick / 1e3) + "k" : plain(tick);
    }

    private static String plain(double value) {
        return new BigDecimal(value)
                .round(new MathContext(6))
                .stripTrailingZeros()
                .toPlainString();
    }

    /// What the two axes count: the vertical one above its top, the horizontal one below its middle.
    static String names(String horizontal, String vertical, int left, int right, int height) {
        return "<text x=\"%d\" y=\"14\">%s</text><text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>"
                .formatted(0, Html.escaped(vertical), (left + right) / 2, height - 6, Html.escaped(horizontal));
    }
}
