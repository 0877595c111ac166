package dev.graft.data.prepare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class PartingTest {
    @Property(tries = 100)
    void partsHaveTheirSizesAndEveryLabelItsShare(
            @ForAll @IntRange(min = 3, max = 200) int rows, @ForAll @IntRange(min = 1, max = 5) int labels) {
        var parting = new Parting();
        var random = new Random(rows);
        int[] ofLabel = new int[labels];
        int[] label = new int[rows];
        for (int i = 0; i < rows; i++) {
            label[i] = random.nextInt(labels);
            ofLabel[label[i]]++;
            parting.add("label " + label[i]);
        }
        long[] sizes = Parting.sizes(new double[] {0.8, 0.1, 0.1}, rows);
        int[] parts = parting.parts(sizes, 1);
        for (int part = 0; part < 3; part++) {
            int wanted = part;
            assertThat(Arrays.stream(parts).filter(p -> p == wanted).count()).isEqualTo(sizes[part]);
            for (int l = 0; l < labels; l++) {
                int count = 0;
                for (int i = 0; i < rows; i++) {
                    count += label[i] == l && parts[i] == part ? 1 : 0;
                }
                double share = sizes[part] * (double) ofLabel[l] / rows;
                assertThat(Math.abs(count - share)).isLessThanOrEqualTo(labels);
            }
        }
    }

    @Property(tries = 100)
    void whatIsBoundStaysTogether(@ForAll @IntRange(min = 2, max = 100) int rows, @ForAll long seed) {
        var parting = new Parting();
        var random = new Random(seed);
        int[] group = random.ints(rows, 0, 20).toArray();
        int[] first = new int[20];
        Arrays.fill(first, -1);
        for (int i = 0; i < rows; i++) {
            parting.add("");
            if (first[group[i]] >= 0) {
                parting.bind(i, first[group[i]]);
            }
            first[group[i]] = i;
        }
        int[] parts = parting.parts(Parting.sizes(new double[] {0.7, 0.3}, rows), seed);
        for (int i = 0; i < rows; i++) {
            assertThat(parts[i]).isEqualTo(parts[first[group[i]]]);
        }
        assertThat(parting.groups())
                .isEqualTo((int) Arrays.stream(group).distinct().count());
    }

    @Test
    void theSameSeedGivesTheSamePartsAndAnotherSeedOthers() {
        var parting = new Parting();
        for (int i = 0; i < 100; i++) {
            parting.add("");
        }
        long[] sizes = {80, 20};
        assertThat(parting.parts(sizes, 5)).isEqualTo(parting.parts(sizes, 5));
        assertThat(parting.parts(sizes, 5)).isNotEqualTo(parting.parts(sizes, 6));
    }

    @Test
    void sizesAddUpAndNoWantedPartStaysEmpty() {
        assertThat(Parting.sizes(new double[] {0.8, 0.1, 0.1}, 10)).containsExactly(8, 1, 1);
        assertThat(Parting.sizes(new double[] {0.9, 0.05, 0.05}, 7)).containsExactly(5, 1, 1);
        assertThat(Parting.sizes(new double[] {1, 0}, 3)).containsExactly(3, 0);
        for (int rows = 0; rows < 50; rows++) {
            assertThat(Arrays.stream(Parting.sizes(new double[] {0.6, 0.3, 0.1}, rows))
                            .sum())
                    .isEqualTo(rows);
        }
    }

    @Test
    void sharesThatAreNoneAreRefused() {
        for (double[] shares :
                List.of(new double[] {0.5, 0.6}, new double[] {1.5, -0.5}, new double[] {Double.NaN, 1})) {
            assertThatThrownBy(() -> Parting.sizes(shares, 10)).hasMessageContaining("add up to 1");
        }
    }
}
