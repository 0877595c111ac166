package dev.graft.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.graft.data.Batches;
import dev.graft.data.Tokenized;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/// Epoch after epoch of batches.
class BatchStreamTest {
    private static Batches batches() {
        List<Tokenized> examples = IntStream.range(0, 7)
                .mapToObj(i -> new Tokenized(new int[] {i, 10 + i, 20 + i}, new boolean[] {false, true, true}, i))
                .toList();
        return new Batches(examples, 6, 3);
    }

    @Test
    void skippingIsReadingAcrossEpochs() {
        BatchStream all = new BatchStream(batches());
        List<int[]> read =
                IntStream.range(0, 20).mapToObj(_ -> all.next().ids()).toList();
        assertThat(batches().epoch(0)).hasSize(4);
        for (int count : new int[] {0, 1, 3, 4, 5, 8, 13}) {
            BatchStream stream = new BatchStream(batches());
            stream.skip(count);
            assertThat(stream.consumed()).isEqualTo(count);
            assertThat(stream.next().ids()).isEqualTo(read.get(count));
            assertThat(stream.next().ids()).isEqualTo(read.get(count + 1));
            assertThat(stream.consumed()).isEqualTo(count + 2);
        }
    }
}
