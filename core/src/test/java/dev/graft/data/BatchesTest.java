package dev.graft.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BatchesTest {
    private static final List<Tokenized> EXAMPLES =
            PackingTest.examples(IntStream.range(0, 5_000).map(i -> 1 + i % 17).toArray());

    @TempDir
    Path folder;

    @Test
    void epochsHoldEveryExampleOnceInAnotherOrder() {
        var batches = new Batches(EXAMPLES, 64, 42);
        List<String> first = PackingTest.documents(batches.epoch(0));
        assertThat(first).containsExactlyInAnyOrderElementsOf(PackingTest.originals(EXAMPLES));
        assertThat(first).isNotEqualTo(PackingTest.documents(batches.epoch(1)));
        assertThat(first).isNotEqualTo(PackingTest.documents(new Batches(EXAMPLES, 64, 43).epoch(0)));
    }

    @Test
    void sameSeedAndEpochGiveTheSameBatches() {
        assertThat(PackingTest.documents(new Batches(EXAMPLES, 64, 42).epoch(3)))
                .isEqualTo(PackingTest.documents(new Batches(EXAMPLES, 64, 42).epoch(3)));
    }

    @Test
    void longBatchesDoNotComeFirst() {
        // packing sorts by length; were its order kept, the first batches would hold the longest documents
        List<PackedBatch> batches = new Batches(EXAMPLES, 17, 1).epoch(0);
        double early = batches.subList(0, 100).stream()
                .mapToInt(PackedBatch::documents)
                .average()
                .orElseThrow();
        double all = batches.stream().mapToInt(PackedBatch::documents).average().orElseThrow();
        assertThat(early).isBetween(0.7 * all, 1.3 * all);
    }

    @Test
    void evaluationKeepsTheOrderOfTheRows() {
        assertThat(PackingTest.documents(new Batches(EXAMPLES, 64, 42).inOrder()))
                .isEqualTo(PackingTest.originals(EXAMPLES));
    }

    @Test
    void noExamplesAreNoBatches() {
        assertThatThrownBy(() -> new Batches(List.of(), 64, 1)).hasMessageContaining("no examples");
    }

    @Property(tries = 100)
    void splitHoldsEveryRowOnceAndKeepsTheOrder(
            @ForAll @IntRange(min = 2, max = 200) int size,
            @ForAll long seed,
            @ForAll @IntRange(min = 1, max = 99) int p) {
        List<Integer> rows = IntStream.range(0, size).boxed().toList();
        int expected = (int) Math.max(1, Math.round(size * (p / 100.0)));
        if (expected == size) {
            assertThatThrownBy(() -> Split.byFraction(rows, p / 100.0, seed))
                    .hasMessageContaining("be left to train on");
            return;
        }
        Split<Integer> split = Split.byFraction(rows, p / 100.0, seed);
        assertThat(split.heldOut()).hasSize(expected).isSorted();
        assertThat(split.train()).hasSize(size - expected).isSorted().doesNotContainAnyElementsOf(split.heldOut());
        assertThat(Split.byFraction(rows, p / 100.0, seed)).isEqualTo(split);
    }

    @Test
    void anotherSeedHoldsOutOtherRows() {
        List<Integer> rows = IntStream.range(0, 100).boxed().toList();
        assertThat(Split.byCount(rows, 10, 1).heldOut())
                .isNotEqualTo(Split.byCount(rows, 10, 2).heldOut());
    }

    @Test
    void impossibleSplitsAreRefused() {
        List<Integer> rows = List.of(1, 2, 3);
        assertThatThrownBy(() -> Split.byCount(rows, 3, 1)).hasMessageContaining("cannot hold out 3 of 3 rows");
        assertThatThrownBy(() -> Split.byCount(rows, 0, 1)).hasMessageContaining("cannot hold out 0");
        assertThatThrownBy(() -> Split.byFraction(rows, 1.0, 1)).hasMessageContaining("1.0");
        assertThatThrownBy(() -> Split.byFraction(rows, Double.NaN, 1)).hasMessageContaining("NaN");
    }

    @Test
    void hashIsThatOfTheContents() throws IOException {
        Path abc = Files.writeString(folder.resolve("a"), "abc");
        Path empty = Files.writeString(folder.resolve("b"), "");
        assertThat(DataHash.of(abc)).isEqualTo("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assertThat(DataHash.of(abc, empty))
                .isNotEqualTo(DataHash.of(empty, abc))
                .hasSize(64);
        assertThatThrownBy(() -> DataHash.of(folder.resolve("none")))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageContaining("none");
        assertThatThrownBy(DataHash::of).hasMessageContaining("no file");
    }
}
