package dev.graft.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class PackingTest {

    @Test
    void boundariesPositionsAndLabelledRowsFollowTheDocuments() {
        PackedBatch batch = Packing.join(List.of(
                new Tokenized(new int[] {10, 11, 12}, new boolean[] {false, false, true}, 1),
                new Tokenized(new int[] {20, 21}, new boolean[] {false, true}, 2),
                new Tokenized(new int[] {30}, new boolean[] {false}, 3)));

        assertThat(batch.ids()).containsExactly(10, 11, 12, 20, 21, 30);
        assertThat(batch.documentStarts()).containsExactly(0, 3, 5, 6);
        assertThat(batch.positions()).containsExactly(0, 1, 2, 0, 1, 0);
        assertThat(batch.attentionStart()).containsExactly(0, 0, 0, 3, 3, 5);
        assertThat(batch.labelledRows()).containsExactly(1, 3); // 11 predicts 12, 20 predicts 21
        assertThat(batch.labelledTargets()).containsExactly(12, 21);
        assertThat(batch.tokens()).isEqualTo(6);
        assertThat(batch.documents()).isEqualTo(3);
        assertThat(batch.labelledCount()).isEqualTo(2);
    }

    @Test
    void longestGoFirstIntoTheTightestPlace() {
        // 10 tokens a batch: 7 and 6 open two, 4 completes 6, 3 completes 7, the last 2 opens a third
        List<PackedBatch> batches = Packing.bestFitDecreasing(examples(2, 3, 4, 6, 7), 10);
        assertThat(batches)
                .extracting(PackedBatch::documentStarts)
                .containsExactly(new int[] {0, 7, 10}, new int[] {0, 6, 10}, new int[] {0, 2});
    }

    @Property(tries = 300)
    void everyExampleIsPackedOnceWholeAndWithinCapacity(
            @ForAll("lengths") List<Integer> lengths, @ForAll @IntRange(min = 40, max = 90) int batchTokens) {
        List<Tokenized> examples = examples(lengths.stream().mapToInt(i -> i).toArray());
        for (List<PackedBatch> batches :
                List.of(Packing.bestFitDecreasing(examples, batchTokens), Packing.inOrder(examples, batchTokens))) {
            assertThat(batches).allMatch(batch -> batch.tokens() <= batchTokens);
            assertThat(documents(batches)).containsExactlyInAnyOrderElementsOf(originals(examples));
        }
    }

    @Property(tries = 300)
    void labelledRowsPredictExactlyTheLabelledTokensOfTheirOwnDocument(@ForAll("lengths") List<Integer> lengths) {
        List<Tokenized> examples = examples(lengths.stream().mapToInt(i -> i).toArray());
        PackedBatch batch = Packing.join(examples);
        int[] rows = batch.labelledRows();
        int[] starts = batch.attentionStart();
        int[] positions = batch.positions();

        assertThat(rows).hasSize(batch.labelledCount()).isSorted();
        assertThat(batch.labelledCount())
                .isEqualTo(examples.stream().mapToInt(Tokenized::labelledCount).sum());
        for (int n = 0; n < rows.length; n++) {
            int row = rows[n];
            assertThat(batch.labels()[row + 1]).isTrue();
            assertThat(starts[row]).isEqualTo(starts[row + 1]);
            assertThat(batch.labelledTargets()[n]).isEqualTo(batch.ids()[row + 1]);
        }
        for (int i = 0; i < batch.tokens(); i++) {
            assertThat(starts[i] + positions[i]).isEqualTo(i);
        }
    }

    @Property(tries = 200)
    void orderIsKeptWhereItIsAskedFor(@ForAll("lengths") List<Integer> lengths) {
        List<Tokenized> examples = examples(lengths.stream().mapToInt(i -> i).toArray());
        assertThat(documents(Packing.inOrder(examples, 50))).isEqualTo(originals(examples));
    }

    @Test
    void bestFitWastesLittle() {
        var random = new Random(3);
        List<Tokenized> examples = examples(
                IntStream.range(0, 2_000).map(i -> 10 + random.nextInt(500)).toArray());
        long tokens = examples.stream().mapToLong(Tokenized::tokens).sum();
        List<PackedBatch> batches = Packing.bestFitDecreasing(examples, 2048);
        assertThat(tokens / (2048.0 * batches.size())).isGreaterThan(0.99);
    }

    @Test
    void exampleLargerThanABatchIsNamed() {
        assertThatThrownBy(() -> Packing.bestFitDecreasing(examples(5, 30, 20), 10))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("2 of 3 examples do not fit into a batch of 10 tokens")
                .hasMessageContaining("row 2: 30 tokens")
                .hasMessageContaining("per_device_batch_tokens to at least 30");
        assertThatThrownBy(() -> Packing.inOrder(examples(11), 10)).hasMessageContaining("do not fit");
    }

    @Test
    void batchesWithImpossibleBoundariesAreRefused() {
        int[] ids = {1, 2, 3};
        boolean[] none = new boolean[3];
        assertThatThrownBy(() -> new PackedBatch(ids, new int[] {0, 2}, none)).hasMessageContaining("[0, 2]");
        assertThatThrownBy(() -> new PackedBatch(ids, new int[] {0, 2, 2, 3}, none))
                .hasMessageContaining("do not grow");
        assertThatThrownBy(() -> new PackedBatch(ids, new int[] {0, 2, 3}, new boolean[] {false, false, true}))
                .hasMessageContaining("token 2 begins a document and is labelled");
    }

    @Test
    void firstTokenCannotBeLabelled() {
        assertThatThrownBy(() -> new Tokenized(new int[] {1}, new boolean[] {true}, 4))
                .hasMessageContaining("row 4");
        assertThatThrownBy(() -> new Tokenized(new int[] {1}, new boolean[2], 4))
                .hasMessageContaining("2 labels");
    }

    @Provide
    Arbitrary<List<Integer>> lengths() {
        return Arbitraries.integers().between(1, 40).list().ofMinSize(1).ofMaxSize(60);
    }

    /// Examples of these lengths whose ids are all different, and of which every third token is labelled.
    static List<Tokenized> examples(int... lengths) {
        List<Tokenized> examples = new ArrayList<>();
        int next = 0;
        for (int length : lengths) {
            int[] ids = new int[length];
            boolean[] labels = new boolean[length];
            for (int i = 0; i < length; i++) {
                ids[i] = next++;
                labels[i] = i > 0 && ids[i] % 3 == 0;
            }
            examples.add(new Tokenized(ids, labels, examples.size() + 1));
        }
        return examples;
    }

    static List<String> originals(List<Tokenized> examples) {
        return examples.stream()
                .map(e -> Arrays.toString(e.ids()) + Arrays.toString(e.labels()))
                .toList();
    }

    static List<String> documents(List<PackedBatch> batches) {
        List<String> documents = new ArrayList<>();
        for (PackedBatch batch : batches) {
            for (int d = 0; d < batch.documents(); d++) {
                int from = batch.documentStarts()[d];
                int to = batch.documentStarts()[d + 1];
                documents.add(Arrays.toString(Arrays.copyOfRange(batch.ids(), from, to))
                        + Arrays.toString(Arrays.copyOfRange(batch.labels(), from, to)));
            }
        }
        return documents;
    }
}
