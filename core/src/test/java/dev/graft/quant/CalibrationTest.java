package dev.graft.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.FloatRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class CalibrationTest {
    private static final Calibration[] ALL = {
        new Calibration.MinMax(),
        new Calibration.Percentile(0.999),
        new Calibration.MeanSquaredError(),
        new Calibration.Entropy()
    };

    /// 20,000 normal numbers and, at 60, one that is far from all others.
    private static CalibrationHistogram withOneOutlier() {
        Random random = new Random(5);
        float[] values = new float[20_000];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        values[77] = 60;
        CalibrationHistogram seen = new CalibrationHistogram();
        seen.add(Arrays.copyOf(values, 50)); // the bins widen when the outlier comes
        seen.add(Arrays.copyOfRange(values, 50, values.length));
        return seen;
    }

    @Test
    void minMaxKeepsTheOutlierAndTheOthersCutItOff() {
        CalibrationHistogram seen = withOneOutlier();
        assertThat(new Calibration.MinMax().range(seen).high()).isEqualTo(60);
        // 0.05 % of normal numbers lie above 3.29
        assertThat(new Calibration.Percentile(0.999).range(seen).high()).isCloseTo(3.29, within(0.2));
        assertThat(new Calibration.Percentile(0.999).range(seen).low()).isCloseTo(-3.29, within(0.2));
        assertThat(new Calibration.Entropy().range(seen).high()).isBetween(2.0, 10.0);
        // one number at 60 costs (60 − high)², 20,000 the square of a step: a few are left to it
        assertThat(new Calibration.MeanSquaredError().range(seen).high()).isBetween(5.0, 60.0);
    }

    @Test
    void theSquaredErrorIsLeastWhereItSaysSo() {
        CalibrationHistogram seen = withOneOutlier();
        double chosen = errorOf(new Calibration.MeanSquaredError(), seen);
        assertThat(chosen).isLessThanOrEqualTo(errorOf(new Calibration.MinMax(), seen));
        assertThat(chosen).isLessThan(errorOf(new Calibration.Percentile(0.999), seen));
    }

    private static double errorOf(Calibration calibration, CalibrationHistogram seen) {
        AffineInt8.Steps steps = new AffineInt8(false, false, calibration).steps(seen);
        double sum = 0;
        for (int bin = 0; bin < 2 * CalibrationHistogram.BINS; bin++) {
            float x = (float) seen.center(bin);
            double back = (steps.code(x) - steps.zero()) * (double) steps.scale();
            sum += seen.count(bin) * (x - back) * (x - back);
        }
        return sum;
    }

    @Property(tries = 50)
    void everyRangeHoldsZeroAndNothingBeyondWhatWasSeen(
            @ForAll @Size(min = 1, max = 300) float @FloatRange(min = -1e6f, max = 1e6f) [] values) {
        CalibrationHistogram seen = new CalibrationHistogram();
        seen.add(values);
        for (Calibration calibration : ALL) {
            Calibration.Range range = calibration.range(seen);
            assertThat(range.low()).isLessThanOrEqualTo(0);
            assertThat(range.high()).isGreaterThanOrEqualTo(0);
            double largest = Math.max(Math.abs(seen.min()), Math.abs(seen.max()));
            assertThat(Math.max(-range.low(), range.high())).isLessThanOrEqualTo(largest * 1.000001);
            AffineInt8.Steps steps = new AffineInt8(false, false, calibration).steps(seen);
            assertThat(steps.scale()).isPositive();
            assertThat(steps.code(0)).isEqualTo(steps.zero());
        }
    }

    @Test
    void anEmptySetAndAShareThatKeepsNothingAreRefused() {
        assertThatThrownBy(() -> new Calibration.MinMax().range(new CalibrationHistogram()))
                .hasMessageContaining("calibration set is empty");
        assertThatThrownBy(() -> new Calibration.Percentile(0.2)).hasMessageContaining("0.2");
    }
}
