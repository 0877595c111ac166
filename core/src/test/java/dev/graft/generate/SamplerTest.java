package dev.graft.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.graft.tensor.DType;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class SamplerTest {
    private static final GenerationSettings SAMPLING =
            GenerationSettings.defaults().withTemperature(1);

    @Test
    void drawWalksAlongTheProbabilities() {
        float[] p = {0.1f, 0.4f, 0.3f, 0.2f}; // sums 0.1, 0.5, 0.8, 1
        Sampler sampler = new Sampler(SAMPLING);
        assertThat(sampler.draw(p, 0)).isEqualTo(0);
        assertThat(sampler.draw(p, 0.09)).isEqualTo(0);
        assertThat(sampler.draw(p, 0.11)).isEqualTo(1);
        assertThat(sampler.draw(p, 0.49)).isEqualTo(1);
        assertThat(sampler.draw(p, 0.51)).isEqualTo(2);
        assertThat(sampler.draw(p, 0.81)).isEqualTo(3);
        assertThat(sampler.draw(p, Math.nextDown(1.0))).isEqualTo(3);
    }

    @Test
    void topKKeepsTheLikeliestAndSharesTheRest() {
        // 0.4 and 0.3 stay and become 4/7 and 3/7; 4/7 = 0.5714
        float[] p = {0.1f, 0.4f, 0.3f, 0.2f};
        Sampler sampler = new Sampler(SAMPLING.withTopK(2));
        assertThat(sampler.draw(p, 0.571)).isEqualTo(1);
        assertThat(sampler.draw(p, 0.572)).isEqualTo(2);
        assertThat(reached(sampler, p)).containsExactly(1, 2);
    }

    @Test
    void topKKeepsAllThatEqualTheLast() {
        float[] p = {0.2f, 0.4f, 0.2f, 0.2f};
        assertThat(reached(new Sampler(SAMPLING.withTopK(2)), p)).containsExactly(0, 1, 2, 3);
        assertThat(reached(new Sampler(SAMPLING.withTopK(1)), p)).containsExactly(1);
    }

    @Test
    void topPKeepsTheSmallestSetThatReachesIt() {
        float[] p = {0.1f, 0.4f, 0.3f, 0.2f};
        assertThat(reached(new Sampler(SAMPLING.withTopP(0.39)), p)).containsExactly(1);
        assertThat(reached(new Sampler(SAMPLING.withTopP(0.41)), p)).containsExactly(1, 2);
        assertThat(reached(new Sampler(SAMPLING.withTopP(0.71)), p)).containsExactly(1, 2, 3);
        assertThat(reached(new Sampler(SAMPLING.withTopP(0.91)), p)).containsExactly(0, 1, 2, 3);
        // 0.4 and 0.3 become 4/7 and 3/7
        assertThat(new Sampler(SAMPLING.withTopP(0.6)).draw(p, 0.571)).isEqualTo(1);
        assertThat(new Sampler(SAMPLING.withTopP(0.6)).draw(p, 0.572)).isEqualTo(2);
    }

    @Test
    void topPKeepsAtLeastOne() {
        assertThat(reached(new Sampler(SAMPLING.withTopP(1e-9)), new float[] {0.25f, 0.25f, 0.25f, 0.25f}))
                .containsExactly(0);
    }

    @Test
    void topPComesAfterTopK() {
        // top-k leaves 4/7 and 3/7, of which 4/7 alone reaches 0.5; of all four it would take two
        float[] p = {0.1f, 0.4f, 0.3f, 0.2f};
        assertThat(reached(new Sampler(SAMPLING.withTopK(2).withTopP(0.5)), p)).containsExactly(1);
        assertThat(reached(new Sampler(SAMPLING.withTopP(0.5)), p)).containsExactly(1, 2);
    }

    @Property
    void topKAndTopPTogetherAreThatOfASortedList(
            @ForAll @IntRange(min = 1, max = 300) int vocab,
            @ForAll @IntRange(max = 310) int topK,
            @ForAll @DoubleRange(min = 0.01, max = 0.99) double topP,
            @ForAll long seed) {
        float[] p = randomProbabilities(vocab, seed);
        Set<Integer> kept = keptBySorting(p, topK, topP);
        Sampler sampler = new Sampler(SAMPLING.withTopK(topK).withTopP(topP));
        Random random = new Random(seed);
        for (int i = 0; i < 50; i++) {
            assertThat(kept).contains(sampler.draw(p, random.nextDouble()));
        }
        // the last of the list is reached, so nothing was kept back
        assertThat(reached(sampler, p)).hasSizeGreaterThanOrEqualTo(Math.min(kept.size(), 1));
        assertThat(sampler.draw(p, Math.nextDown(1.0)))
                .isEqualTo(kept.stream()
                        .min(Comparator.<Integer>comparingDouble(i -> p[i]).thenComparing(Comparator.reverseOrder()))
                        .orElseThrow());
    }

    @Test
    void temperatureDividesTheLogits() {
        // logits ln 1 and ln 4; at temperature 2 they are ln 1 and ln 2: probabilities 1/3 and 2/3
        float[] logits = {0, (float) Math.log(4)};
        assertThat(frequencies(SAMPLING.withTemperature(2), logits, 30_000)[1]).isCloseTo(2 / 3.0, within(0.01));
        assertThat(frequencies(SAMPLING, logits, 30_000)[1]).isCloseTo(0.8, within(0.01));
    }

    @Test
    void frequenciesAreTheProbabilities() {
        // chi-square with 4 degrees of freedom exceeds 18.5 once in a thousand seeds
        double[] p = {0.05, 0.1, 0.15, 0.3, 0.4};
        float[] logits = new float[p.length];
        for (int i = 0; i < p.length; i++) {
            logits[i] = (float) Math.log(p[i]) + 7;
        }
        int draws = 20_000;
        double[] seen = frequencies(SAMPLING, logits, draws);
        double chiSquare = 0;
        for (int i = 0; i < p.length; i++) {
            chiSquare += draws * (seen[i] - p[i]) * (seen[i] - p[i]) / p[i];
        }
        assertThat(chiSquare).isLessThan(18.5);
    }

    @Test
    void greedyTakesTheLowestOfEquals() {
        Sampler sampler = new Sampler(GenerationSettings.defaults());
        try (Scope scope = Scope.open()) {
            Tensor logits = Tensor.of(new float[] {1, 3, 3, 2, -5, -7, -1, -1}, 2, 4);
            var randoms = List.of(new SplittableRandom(1), new SplittableRandom(2));
            assertThat(sampler.pick(logits, randoms)).containsExactly(1, 2);
            assertThat(sampler.pick(logits.to(DType.BF16), randoms)).containsExactly(1, 2);
        }
    }

    @Test
    void rowsAreChosenIndependently() {
        Sampler sampler = new Sampler(SAMPLING.withTopK(3));
        try (Scope scope = Scope.open()) {
            float[] a = {0, 1, 2, 3};
            float[] b = {3, 2, 1, 0};
            Tensor both = Tensor.of(new float[] {0, 1, 2, 3, 3, 2, 1, 0}, 2, 4);
            for (int seed = 0; seed < 20; seed++) {
                int[] together =
                        sampler.pick(both, List.of(new SplittableRandom(seed), new SplittableRandom(seed + 9)));
                int first = sampler.pick(Tensor.of(a, 1, 4), List.of(new SplittableRandom(seed)))[0];
                int second = sampler.pick(Tensor.of(b, 1, 4), List.of(new SplittableRandom(seed + 9)))[0];
                assertThat(together).containsExactly(first, second);
            }
        }
    }

    @Test
    void logitsThatAreNoNumbersAreRefused() {
        try (Scope scope = Scope.open()) {
            Tensor logits = Tensor.of(new float[] {1, Float.NaN, 2}, 1, 3);
            for (double temperature : new double[] {0, 1}) {
                Sampler sampler = new Sampler(SAMPLING.withTemperature(temperature));
                assertThatThrownBy(() -> sampler.pick(logits, List.of(new SplittableRandom(1))))
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessageContaining("NaN");
            }
        }
    }

    @Test
    void settingsThatCannotWorkAreRefused() {
        GenerationSettings settings = GenerationSettings.defaults();
        assertThatThrownBy(() -> settings.withMaxNewTokens(0)).hasMessageContaining("max new tokens is 0");
        assertThatThrownBy(() -> settings.withTemperature(-1)).hasMessageContaining("temperature is -1.0");
        assertThatThrownBy(() -> settings.withTemperature(1e-30)).hasMessageContaining("at least 0.001");
        assertThatThrownBy(() -> settings.withTemperature(Double.NaN)).hasMessageContaining("NaN");
        assertThatThrownBy(() -> settings.withTopP(0)).hasMessageContaining("top p is 0.0");
        assertThatThrownBy(() -> settings.withTopP(1.01)).hasMessageContaining("at most 1");
        assertThatThrownBy(() -> settings.withTopK(-1)).hasMessageContaining("top k is -1");
    }

    private static double[] frequencies(GenerationSettings settings, float[] logits, int draws) {
        Sampler sampler = new Sampler(settings);
        SplittableRandom random = new SplittableRandom(5);
        double[] seen = new double[logits.length];
        try (Scope scope = Scope.open()) {
            Tensor rows = Tensor.of(logits, 1, logits.length)
                    .expand(draws, logits.length)
                    .contiguous();
            var randoms = IntStream.range(0, draws).mapToObj(i -> random).toList();
            for (int id : sampler.pick(rows, randoms)) {
                seen[id] += 1.0 / draws;
            }
        }
        return seen;
    }

    /// Tokens that some of 1000 evenly spread numbers lead to.
    private static Set<Integer> reached(Sampler sampler, float[] p) {
        Set<Integer> ids = new TreeSet<>();
        for (int i = 0; i < 1000; i++) {
            ids.add(sampler.draw(p, i / 1000.0));
        }
        return ids;
    }

    private static float[] randomProbabilities(int vocab, long seed) {
        Random random = new Random(seed);
        double[] weights = random.doubles(vocab).map(u -> Math.exp(6 * u)).toArray();
        double sum = Arrays.stream(weights).sum();
        float[] p = new float[vocab];
        for (int i = 0; i < vocab; i++) {
            p[i] = (float) (weights[i] / sum);
        }
        return p;
    }

    private static Set<Integer> keptBySorting(float[] p, int topK, double topP) {
        List<Integer> order = IntStream.range(0, p.length)
                .boxed()
                .sorted(Comparator.<Integer>comparingDouble(i -> -p[i]).thenComparing(Comparator.naturalOrder()))
                .toList();
        int k = topK == 0 ? p.length : Math.min(topK, p.length);
        float least = p[order.get(k - 1)];
        List<Integer> candidates = order.stream().filter(i -> p[i] >= least).toList();
        double total = IntStream.range(0, p.length)
                .mapToDouble(i -> p[i] >= least ? p[i] : 0)
                .sum();
        Set<Integer> kept = new TreeSet<>();
        double sum = 0;
        for (int id : candidates) {
            if (kept.isEmpty() || sum < topP * total) {
                kept.add(id);
                sum += p[id];
            }
        }
        return kept;
    }
}
