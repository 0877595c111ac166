package dev.graft.export;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.graft.export.MergeMethod.Signs;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class CombinationTest {
    private static float[] combine(
            MergeMethod method, double density, Signs signs, List<Double> weights, float[]... deltas) {
        MergeSettings settings = new MergeSettings(method, weights, density, signs, 3, Optional.empty());
        try (Scope scope = Scope.open()) {
            List<Combination.Change> changes = new ArrayList<>();
            for (int i = 0; i < deltas.length; i++) {
                changes.add(new Combination.Change(i, Tensor.of(deltas[i].clone())));
            }
            return new Combination(settings).of("layer", changes).toFloats();
        }
    }

    @Test
    void linearIsTheWeightedSum() {
        assertThat(combine(
                        MergeMethod.LINEAR, 1, Signs.TOTAL, List.of(2.0, -1.0), new float[] {1, 2}, new float[] {10, 20
                        }))
                .containsExactly(-8, -16);
    }

    /// Half of four elements are kept: {4, -3} of the first, {-5, 2} of the second. Of the second
    /// element both votes are there (-3 + 2 < 0), so only -3 counts; the fourth has nobody left.
    @Test
    void tiesTrimsElectsAndAveragesThoseWhoAgree() {
        assertThat(combine(
                        MergeMethod.TIES,
                        0.5,
                        Signs.TOTAL,
                        List.of(1.0, 1.0),
                        new float[] {4, -3, 1, 0.5f},
                        new float[] {-1, 2, -5, 0.1f}))
                .containsExactly(4, -3, -5, 0);
    }

    @Test
    void signsCanBeElectedByCountInsteadOfBySum() {
        float[][] three = {{5}, {-1}, {-1}};
        List<Double> weights = List.of(1.0, 1.0, 1.0);
        assertThat(combine(MergeMethod.TIES, 1, Signs.TOTAL, weights, three)).containsExactly(5);
        assertThat(combine(MergeMethod.TIES, 1, Signs.FREQUENCY, weights, three))
                .containsExactly(-1);
    }

    @Test
    void dareKeepsAboutItsDensityScaledUpAndTheSameForTheSameSeed() {
        float[] ones = new float[100_003];
        Arrays.fill(ones, 1);
        float[] dropped = combine(MergeMethod.DARE_LINEAR, 0.25, Signs.TOTAL, List.of(1.0), ones);
        int kept = 0;
        for (float value : dropped) {
            assertThat(value).isIn(0f, 4f);
            kept += value == 0 ? 0 : 1;
        }
        assertThat(kept / 100_003.0).isCloseTo(0.25, within(0.005));
        assertThat(combine(MergeMethod.DARE_LINEAR, 0.25, Signs.TOTAL, List.of(1.0), ones))
                .containsExactly(dropped);
        // the second adapter drops others
        float[] both = combine(MergeMethod.DARE_LINEAR, 0.25, Signs.TOTAL, List.of(1.0, 1.0), ones, ones);
        assertThat(both).contains(0, 4, 8);
    }

    @Property
    void theKthLargestIsWhatSortingFinds(@ForAll @Size(min = 1, max = 300) float[] values, @ForAll int any) {
        float[] sorted = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            sorted[i] = Math.abs(values[i]);
        }
        Arrays.sort(sorted);
        int k = 1 + Math.floorMod(any, values.length);
        try (Scope scope = Scope.open()) {
            assertThat(Magnitudes.kthLargest(Tensor.of(values).memory(), k)).isEqualTo(sorted[values.length - k]);
        }
    }
}
