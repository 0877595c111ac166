package dev.graft.autograd;

import static org.assertj.core.api.Assertions.assertThat;

import dev.graft.kernel.Kernels;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Tensor;
import java.util.List;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// The log-probability head against a log-softmax over all logits at once.
class TokenLogProbsTest extends ScopedTest {
    private static final int TOKENS = 11;
    private static final int WIDTH = 6;
    private static final int[] ROWS = {9, 0, 1, 4, 5, 6, 10};

    /// How the head is used.
    private record Use(boolean hiddenLearns, boolean headLearns, int vocab, int chunk) {}

    static Stream<Arguments> uses() {
        return kernels()
                .flatMap(kernels -> IntStream.of(1, 3, 7, 100)
                        .boxed()
                        .flatMap(chunk -> IntStream.of(2, 65, 1000)
                                .boxed()
                                .flatMap(vocab -> Stream.of(
                                        new Use(true, false, vocab, chunk),
                                        new Use(true, true, vocab, chunk),
                                        new Use(false, true, vocab, chunk))))
                        .map(use -> Arguments.of(kernels, use)));
    }

    @ParameterizedTest
    @MethodSource("uses")
    void gradientsAreLibtorchs(Kernels kernels, Use use) {
        check(kernels, use, ROWS).against(2e-5, oracle(use, ROWS));
    }

    @ParameterizedTest
    @MethodSource("uses")
    void bfloat16IsCloseToo(Kernels kernels, Use use) {
        check(kernels, use, ROWS).in(DType.BF16).against(0.01, oracle(use, ROWS));
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void gradientsAreTheSlopes(Kernels kernels) {
        check(kernels, new Use(true, true, 9, 3), ROWS).slopes(1e-2, 1e-3);
        check(kernels, new Use(true, false, 9, 3), ROWS).slopes(1e-2, 1e-3);
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void aRowMayBeAskedForTwice(Kernels kernels) {
        int[] rows = {3, 3, 0};
        for (boolean headLearns : new boolean[] {true, false}) {
            Use use = new Use(true, headLearns, 9, 2);
            check(kernels, use, rows).against(2e-5, oracle(use, rows));
        }
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void scoringCountsTheTargetsNoOtherTokenBeats(Kernels kernels) {
        // logits of the rows are the hidden states themselves; the last row is a draw of both tokens
        Tensor hidden = Tensor.of(new float[] {3, 1, 1, 3, 2, 2}, 3, 2);
        Weight head = new Weight.Frozen(Tensor.of(new float[] {1, 0, 0, 1}, 2, 2));
        Tensor rows = Tensor.of(new int[] {0, 1, 2});
        Tensor targets = Tensor.of(new int[] {0, 0, 1});
        try (Tape tape = Tape.over(kernels, 0)) {
            TokenLogProbs.Scores scores = TokenLogProbs.score(tape, hidden, rows, new Head(head), targets);
            assertThat(scores.correct()).isEqualTo(2);
            Value same = TokenLogProbs.apply(tape, tape.constant(hidden), rows, new Head(head), targets);
            assertThat(scores.logProbs().toFloats()).containsExactly(same.data().toFloats());
        }
    }

    @Test
    void noRowsGiveNoLogProbabilities() {
        Parameter head = new Parameter("head", GradientCheck.random(1, 5, 2), DType.F32);
        try (Tape tape = Tape.recording(Device.cpu(), 0, false)) {
            Value hidden = tape.input(GradientCheck.random(2, 3, 2));
            Tensor none = Tensor.of(new int[0]);
            Value logProbs = TokenLogProbs.apply(tape, hidden, none, new Head(head), none);
            assertThat(logProbs.data().toFloats()).isEmpty();
            tape.backward(logProbs, Tensor.of(new float[0]));
            assertThat(tape.gradientOf(hidden).norm()).isZero();
        }
        head.close();
    }

    @Test
    void theWholeVocabularyHasProbabilityOne() {
        // more logits than one chunk holds: 1500 rows of 30000
        int vocab = 30_000;
        int n = 1500;
        try (Tape tape = Tape.silent(Device.cpu())) {
            Weight head = new Weight.Frozen(GradientCheck.random(1, vocab, 2).mul(0.01));
            Value hidden = tape.constant(GradientCheck.random(2, n, 2));
            Tensor rows = Tensor.arange(n, Device.cpu());
            float[] logProbs = TokenLogProbs.apply(tape, hidden, rows, new Head(head), rows)
                    .data()
                    .toFloats();
            // nearly even odds everywhere
            for (float logProb : logProbs) {
                assertThat(logProb).isBetween((float) -Math.log(vocab) - 0.2f, (float) -Math.log(vocab) + 0.2f);
            }
        }
    }

    private static int[] targets(Use use, int[] rows) {
        return IntStream.range(0, rows.length).map(i -> 31 * i % use.vocab).toArray();
    }

    private static GradientCheck check(Kernels kernels, Use use, int[] rows) {
        Tensor picked = Tensor.of(rows);
        Tensor targets = Tensor.of(targets(use, rows));
        return GradientCheck.of(
                        kernels,
                        on -> TokenLogProbs.inChunks(
                                on.tape(), on.value(0), picked, new Head(on.weight(1)), targets, use.chunk))
                .value(use.hiddenLearns, TOKENS, WIDTH)
                .weight(use.headLearns, use.vocab, WIDTH);
    }

    private static Function<List<Tensor>, Tensor> oracle(Use use, int[] rows) {
        Tensor targets = Tensor.of(targets(use, rows)).unsqueeze(1);
        return t -> t.get(0)
                .indexSelect(0, Tensor.of(rows))
                .mm(t.get(1).t())
                .logSoftmax(1)
                .gather(1, targets)
                .select(1, 0);
    }
}
