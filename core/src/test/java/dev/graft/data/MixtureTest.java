package dev.graft.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.graft.data.Mixture.Stopping;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class MixtureTest {

    @Test
    void withoutWeightsEveryRowComesOnce() {
        assertThat(Mixture.concatenated().sources(new int[] {2, 0, 3}, 1)).containsExactly(0, 0, 2, 2, 2);
    }

    @Property(tries = 200)
    void firstExhaustedEndsWithTheLastRowOfOneSource(
            @ForAll @Size(3) List<@IntRange(min = 1, max = 50) Integer> sizes,
            @ForAll @Size(3) List<@DoubleRange(min = 0.1, max = 10) Double> weights,
            @ForAll long seed) {
        int[] given = sizes.stream().mapToInt(Integer::intValue).toArray();
        int[] drawn = new Mixture(weights, Stopping.FIRST_EXHAUSTED).sources(given, seed);
        int[] counts = counts(drawn, 3);
        int last = drawn[drawn.length - 1];
        assertThat(counts[last]).isEqualTo(given[last]);
        for (int source = 0; source < 3; source++) {
            assertThat(counts[source]).isLessThanOrEqualTo(given[source] - (source == last ? 0 : 1));
        }
    }

    @Property(tries = 200)
    void allExhaustedGivesEveryRowOfEverySource(
            @ForAll @Size(3) List<@IntRange(min = 1, max = 50) Integer> sizes,
            @ForAll @Size(3) List<@DoubleRange(min = 0.1, max = 10) Double> weights,
            @ForAll long seed) {
        int[] given = sizes.stream().mapToInt(Integer::intValue).toArray();
        int[] drawn = new Mixture(weights, Stopping.ALL_EXHAUSTED).sources(given, seed);
        int[] counts = counts(drawn, 3);
        for (int source = 0; source < 3; source++) {
            assertThat(counts[source]).isGreaterThanOrEqualTo(given[source]);
        }
        int last = drawn[drawn.length - 1]; // it was still short of its rows before the last draw
        assertThat(counts[last]).isEqualTo(given[last]);
    }

    @Test
    void sourcesAreDrawnInProportionToTheirWeights() {
        int[] drawn = new Mixture(List.of(3.0, 1.0), Stopping.FIRST_EXHAUSTED).sources(new int[] {30_000, 30_000}, 7);
        int[] counts = counts(drawn, 2);
        assertThat(counts[0]).isEqualTo(30_000);
        assertThat(counts[1]).isBetween(9_700, 10_300); // 10,000, give or take three standard deviations
        assertThat(new Mixture(List.of(3.0, 1.0), Stopping.FIRST_EXHAUSTED).sources(new int[] {30_000, 30_000}, 7))
                .isEqualTo(drawn);
    }

    @Test
    void whatCannotBeDrawnFromIsRefused() {
        assertThatThrownBy(() -> new Mixture(List.of(1.0, 0.0), Stopping.ALL_EXHAUSTED))
                .hasMessageContaining("a weight is 0.0");
        assertThatThrownBy(() -> new Mixture(List.of(1.0), Stopping.ALL_EXHAUSTED).sources(new int[] {1, 2}, 1))
                .hasMessageContaining("2 sources and 1 weights");
        assertThatThrownBy(() -> new Mixture(List.of(1.0, 1.0), Stopping.ALL_EXHAUSTED).sources(new int[] {1, 0}, 1))
                .hasMessageContaining("source 2 has no row left");
    }

    private static int[] counts(int[] drawn, int sources) {
        return IntStream.range(0, sources)
                .map(source ->
                        (int) Arrays.stream(drawn).filter(s -> s == source).count())
                .toArray();
    }
}
