package dev.graft.quant;

/// How the range of 8-bit numbers is chosen from what a calibration set holds: numbers beyond it become
/// its ends, and the narrower it is, the finer its steps.
public sealed interface Calibration {
    /// The ends of a range, which holds zero.
    record Range(double low, double high) {
        public Range {
            low = Math.min(low, 0);
            high = Math.max(high, 0);
        }

        Range scaled(double factor) {
            return new Range(low * factor, high * factor);
        }
    }

    /// Chooses a range.
    Range range(CalibrationHistogram seen);

    /// As in configurations and on the command line.
    default String name() {
        return switch (this) {
            case MinMax _ -> "min-max";
            case Percentile _ -> "percentile";
            case MeanSquaredError _ -> "mse";
            case Entropy _ -> "entropy";
        };
    }

    /// The method of a name.
    ///
    /// @param share of [Percentile]
    static Calibration named(String name, double share) {
        return switch (name) {
            case "min-max" -> new MinMax();
            case "percentile" -> new Percentile(share);
            case "mse" -> new MeanSquaredError();
            case "entropy" -> new Entropy();
            default ->
                throw new IllegalArgumentException(
                        "calibration is \"%s\"; expected min-max, percentile, mse or entropy".formatted(name));
        };
    }

    /// From the smallest number to the largest.
    record MinMax() implements Calibration {
        @Override
        public Range range(CalibrationHistogram seen) {
            return new Range(seen.min(), seen.max());
        }
    }

    /// Leaves out the outermost numbers, as many on either side.
    ///
    /// @param share of the numbers that lie inside, such as 0.9999
    record Percentile(double share) implements Calibration {
        public static final double USUAL = 0.9999;

        public Percentile {
            if (!(share > 0.5 && share <= 1)) {
                throw new IllegalArgumentException(
                        "a share of %s of the numbers; expected one above 0.5, at most 1".formatted(share));
            }
        }

        @Override
        public Range range(CalibrationHistogram seen) {
            long outside = (long) Math.floor(seen.total() * (1 - share) / 2);
            int low = 0;
            for (long passed = seen.count(low); passed <= outside; passed += seen.count(low)) {
                low++;
            }
            int high = 2 * CalibrationHistogram.BINS - 1;
            for (long passed = seen.count(high); passed <= outside; passed += seen.count(high)) {
                high--;
            }
            double half = seen.width() / 2;
            return new Range(
                    Math.max(seen.min(), seen.center(low) - half), Math.min(seen.max(), seen.center(high) + half));
        }
    }

    /// The range that leaves the least mean squared error, of a hundred that shrink evenly.
    record MeanSquaredError() implements Calibration {
        private static final int TRIED = 100;

        @Override
        public Range range(CalibrationHistogram seen) {
            Range widest = new Range(seen.min(), seen.max());
            Range best = widest;
            double least = Double.POSITIVE_INFINITY;
            for (int i = TRIED; i > 0; i--) {
                Range range = widest.scaled((double) i / TRIED);
                double error = error(seen, range);
                if (error < least) {
                    least = error;
                    best = range;
                }
            }
            return best;
        }

        private static double error(CalibrationHistogram seen, Range range) {
            double step = (range.high() - range.low()) / 255;
            double sum = 0;
            for (int bin = 0; bin < 2 * CalibrationHistogram.BINS && step > 0; bin++) {
                double x = seen.center(bin);
                double rounded = Math.rint(Math.clamp(x, range.low(), range.high()) / step) * step;
                sum += seen.count(bin) * (x - rounded) * (x - rounded);
            }
            return sum;
        }
    }

    /// The range around zero whose 128 magnitudes tell the least less than the numbers themselves: the
    /// smallest Kullback-Leibler divergence between the two distributions.
    ///
    /// Migacz 2017, "8-bit inference with TensorRT".
    record Entropy() implements Calibration {
        private static final int LEVELS = 128;

        @Override
        public Range range(CalibrationHistogram seen) {
            int bins = CalibrationHistogram.BINS;
            double[] magnitudes = new double[bins];
            for (int i = 0; i < bins; i++) {
                magnitudes[i] = seen.count(bins + i) + seen.count(bins - 1 - i);
            }
            int best = bins;
            double least = Double.POSITIVE_INFINITY;
            for (int end = LEVELS; end <= bins; end += LEVELS / 8) {
                double divergence = divergence(magnitudes, end);
                if (divergence < least) {
                    least = divergence;
                    best = end;
                }
            }
            double edge = best * seen.width();
            return new Range(seen.min() < 0 ? -edge : 0, seen.max() > 0 ? edge : 0);
        }

        /// Between the numbers, those beyond `end` moved to the last bin inside, and what 128 levels
        /// keep of them.
        private static double divergence(double[] magnitudes, int end) {
            double beyond = 0;
            for (int i = end; i < magnitudes.length; i++) {
                beyond += magnitudes[i];
            }
            double[] kept = new double[end];
            double total = beyond;
            double keptTotal = 0;
            for (int level = 0; level < LEVELS; level++) {
                int from = level * end / LEVELS;
                int to = (level + 1) * end / LEVELS;
                double sum = 0;
                int filled = 0;
                for (int i = from; i < to; i++) {
                    sum += magnitudes[i];
                    filled += magnitudes[i] > 0 ? 1 : 0;
                }
                for (int i = from; i < to; i++) {
                    kept[i] = magnitudes[i] > 0 ? sum / filled : 0;
                }
                total += sum;
                keptTotal += sum;
            }
            double divergence = 0;
            for (int i = 0; i < end; i++) {
                double p = (magnitudes[i] + (i == end - 1 ? beyond : 0)) / total;
                double q = kept[i] / keptTotal;
                if (p > 0) {
                    divergence += p * Math.log(p / Math.max(q, 1e-12));
                }
            }
            return divergence;
        }
    }
}
