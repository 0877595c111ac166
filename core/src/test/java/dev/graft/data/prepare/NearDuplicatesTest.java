package dev.graft.data.prepare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class NearDuplicatesTest {
    @Test
    void similarityIsTheShareOfRunsOfThreeWordsThatBothHave() {
        // a b c | b c d | c d e against b c d | c d e | d e f: two of four
        assertThat(Shingles.of("a b c d e").similarity(Shingles.of("b c d e f")))
                .isCloseTo(0.5, within(1e-12));
    }

    @ParameterizedTest
    @CsvSource({"Hello world,HELLO   world!", "one,One.", "東京都に住む,東京都に住む。", "'',' '", "?!,?!", "a b,a-b"})
    void caseSpacesAndPunctuationMakeNoDifference(String text, String other) {
        assertThat(Shingles.of(text).similarity(Shingles.of(other))).isEqualTo(1);
    }

    @Test
    void charactersOfScriptsWithoutSpacesAreWords() {
        // 东 京 都 | 京 都 a against 东 京 都 | 京 都 b
        assertThat(Shingles.of("东京都 a").similarity(Shingles.of("东京都 b"))).isCloseTo(1 / 3.0, within(1e-12));
    }

    @ParameterizedTest
    @ValueSource(doubles = {0.5, 0.7, 0.8, 0.9, 1.0})
    void pairsAboveTheThresholdAreFoundAndNoneBelow(double threshold) {
        Random random = new Random(7);
        var near = new NearDuplicates(threshold);
        List<Shingles> added = new ArrayList<>();
        int wanted = 0;
        int found = 0;
        for (int i = 0; i < 400; i++) {
            String text = variant(i % 80, random);
            Shingles shingles = Shingles.of(text);
            var sketch = near.sketch(text);
            List<Integer> expected = new ArrayList<>();
            for (int k = 0; k < added.size(); k++) {
                if (added.get(k).similarity(shingles) >= threshold) {
                    expected.add(k);
                }
            }
            List<Integer> matches = near.matches(sketch).stream()
                    .map(NearDuplicates.Match::index)
                    .toList();
            assertThat(expected).containsAll(matches);
            wanted += expected.size();
            found += matches.size();
            assertThat(near.add(sketch)).isEqualTo(i);
            added.add(shingles);
        }
        assertThat(wanted).isPositive();
        assertThat(found / (double) wanted).isGreaterThan(0.98);
    }

    /// One of 80 texts of 40 words, with up to a handful of them replaced.
    private static String variant(int which, Random random) {
        Random words = new Random(which);
        var text = new StringBuilder();
        int changes = random.nextInt(5);
        for (int i = 0; i < 40; i++) {
            String word = "w" + words.nextInt(1000);
            text.append(random.nextInt(40) < changes ? "x" + random.nextInt(1000) : word)
                    .append(' ');
        }
        return text.toString();
    }

    @Property(tries = 50)
    void theSameTextIsAlwaysFound(@ForAll String text, @ForAll @IntRange(min = 1, max = 10) int tenths) {
        var near = new NearDuplicates(tenths / 10.0);
        near.add(near.sketch("something else entirely, of eight words or so"));
        near.add(near.sketch(text));
        assertThat(near.nearest(near.sketch(text)).orElseThrow().similarity()).isEqualTo(1);
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, -1, 1.01, Double.NaN})
    void aThresholdThatIsNoSimilarityIsRefused(double threshold) {
        assertThatThrownBy(() -> new NearDuplicates(threshold)).hasMessageContaining("at most 1, such as 0.8");
    }
}
