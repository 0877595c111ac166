package dev.graft.autograd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.graft.kernel.Kernels;
import dev.graft.kernel.Kernels.Ranges;
import dev.graft.kernel.Kernels.Scoring;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Tensor;
import java.util.List;
import java.util.function.Function;
import java.util.function.IntUnaryOperator;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// Attention by blocks against attention over whole masked score matrices.
class AttentionTest extends ScopedTest {
    private static final double SCALE = 0.3;
    private static final int HEAD_DIM = 8;

    /// What queries see.
    ///
    /// @param keys how many keys there are
    private record Sight(String name, int keys, Ranges ranges) {
        @Override
        public String toString() {
            return name + " of " + ranges.rows() + " over " + keys;
        }
    }

    static Stream<Arguments> sights() {
        return kernels()
                .flatMap(k -> IntStream.of(1, 5, 64, 65, 130, 300)
                        .mapToObj(AttentionTest::sightsOf)
                        .flatMap(List::stream)
                        .map(s -> Arguments.of(k, s)));
    }

    private static List<Sight> sightsOf(int n) {
        return List.of(
                new Sight("causal", n, ranges(n, i -> 0, i -> i + 1)),
                new Sight("everything", n, ranges(n, i -> 0, i -> n)),
                new Sight("documents of 37", n, ranges(n, i -> i / 37 * 37, i -> i + 1)),
                new Sight("window of 20", n, ranges(n, i -> Math.max(0, i - 19), i -> i + 1)),
                new Sight("itself", n, ranges(n, i -> i, i -> i + 1)),
                new Sight("after a cache of 11", n + 11, ranges(n, i -> 0, i -> i + 12)),
                new Sight(
                        "two sequences in a cache of 400",
                        400,
                        ranges(n, i -> i % 2 == 0 ? 3 : 350, i -> i % 2 == 0 ? 5 + i : 352 + i % 40)));
    }

    private static Ranges ranges(int n, IntUnaryOperator first, IntUnaryOperator end) {
        return new Ranges(
                IntStream.range(0, n).map(first).toArray(),
                IntStream.range(0, n).map(end).toArray());
    }

    @ParameterizedTest
    @MethodSource("sights")
    void blocksGiveWhatWholeMatricesGive(Kernels kernels, Sight sight) {
        int group = 1 + sight.ranges.rows() % 3;
        check(kernels, sight, 2, group, DType.F32).against(5e-5, oracle(sight, group));
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void headsShareKeysInGroups(Kernels kernels) {
        Sight sight = sightsOf(70).getFirst();
        for (int group = 1; group <= 3; group++) {
            for (int keyHeads = 1; keyHeads <= 3; keyHeads++) {
                check(kernels, sight, keyHeads, group, DType.F32).against(5e-5, oracle(sight, group));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void bfloat16IsCloseToo(Kernels kernels) {
        for (Sight sight : sightsOf(65)) {
            if (!sight.name.equals("itself")) { // gradients of its scores are zero: nothing but rounding is left
                check(kernels, sight, 2, 3, DType.BF16).against(0.02, oracle(sight, 3));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void gradientsAreTheSlopes(Kernels kernels) {
        for (Sight sight : sightsOf(5)) {
            check(kernels, sight, 1, 2, DType.F32).slopes(1e-2, 2e-3);
        }
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void onlyThoseThatWantAGradientGetOne(Kernels kernels) {
        Sight sight = sightsOf(70).getFirst();
        for (int wanting = 1; wanting < 8; wanting++) {
            check(kernels, sight, 2, 2, DType.F32, (wanting & 1) > 0, (wanting & 2) > 0, (wanting & 4) > 0)
                    .against(5e-5, oracle(sight, 2));
        }
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void softCapsAreCarriedThroughForwardAndBackward(Kernels kernels) {
        for (Sight sight : sightsOf(70)) {
            GradientCheck.of(
                            kernels,
                            on -> Attention.apply(
                                    on.tape(),
                                    on.value(0),
                                    on.value(1),
                                    on.value(2),
                                    sight.ranges,
                                    new Scoring(SCALE, 0.8)))
                    .value(true, 4, sight.ranges.rows(), HEAD_DIM)
                    .value(true, 2, sight.keys, HEAD_DIM)
                    .value(true, 2, sight.keys, HEAD_DIM)
                    .against(5e-5, oracle(sight, 2, 0.8));
        }
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void sequencesFarApartInACacheAreComputedApart(Kernels kernels) {
        // 40 sequences of 1,000 slots each: together their scores would be 40 · 40,000, apart they are 40 · 1,000.
        int sequences = 40;
        int slots = 1000;
        Ranges ranges = ranges(sequences, i -> i * slots, i -> (i + 1) * slots - i % 7);
        Sight sight = new Sight("one token each", sequences * slots, ranges);
        check(kernels, sight, 1, 2, DType.F32).against(5e-5, oracle(sight, 2));
        assertThat(Attention.scores(ranges))
                .isEqualTo(IntStream.range(0, sequences)
                        .mapToLong(i -> slots - i % 7)
                        .sum());
        Ranges documents = ranges(200, i -> i / 10 * 10, i -> i + 1); // ten tokens each: not worth twenty blocks
        assertThat(Attention.scores(documents)).isLessThan(200 * 74);
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void hugeScoresStayFinite(Kernels kernels) {
        // Scores of ±10⁴ and more: their exponentials exist only after the largest has been taken away.
        Ranges causal = ranges(70, i -> 0, i -> i + 1);
        try (Tape tape = Tape.over(kernels, 0)) {
            Value q = tape.input(GradientCheck.random(1, 2, 70, HEAD_DIM).mul(100));
            Value k = tape.input(GradientCheck.random(2, 2, 70, HEAD_DIM).mul(100));
            Value v = tape.input(GradientCheck.random(3, 2, 70, HEAD_DIM));
            Value y = Attention.apply(tape, q, k, v, causal, Scoring.scaled(1));
            assertThat(y.data().allFinite()).isTrue();
            tape.backward(y, GradientCheck.random(4, 70, 2 * HEAD_DIM));
            for (Value value : List.of(q, k, v)) {
                assertThat(tape.gradientOf(value).allFinite()).isTrue();
            }
        }
    }

    @Test
    void shapesThatDoNotFitAreRefused() {
        try (Tape tape = Tape.silent(Device.cpu())) {
            Value three = tape.constant(GradientCheck.random(1, 3, 4, 2));
            Value two = tape.constant(GradientCheck.random(1, 2, 4, 2));
            Ranges causal = ranges(4, i -> 0, i -> i + 1);
            assertThatThrownBy(() -> Attention.apply(tape, three, two, two, causal, Scoring.scaled(1)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContainingAll("3 heads", "2 key heads");
            Ranges beyond = ranges(4, i -> 0, i -> i + 2);
            assertThatThrownBy(() -> Attention.apply(tape, two, two, two, beyond, Scoring.scaled(1)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContainingAll("[0, 5)", "4 keys");
        }
    }

    private static GradientCheck check(Kernels kernels, Sight sight, int keyHeads, int group, DType type) {
        return check(kernels, sight, keyHeads, group, type, true, true, true);
    }

    private static GradientCheck check(
            Kernels kernels, Sight sight, int keyHeads, int group, DType type, boolean... learns) {
        return GradientCheck.of(
                        kernels,
                        on -> Attention.apply(
                                on.tape(), on.value(0), on.value(1), on.value(2), sight.ranges, Scoring.scaled(SCALE)))
                .in(type)
                .value(learns[0], (long) keyHeads * group, sight.ranges.rows(), HEAD_DIM)
                .value(learns[1], keyHeads, sight.keys, HEAD_DIM)
                .value(learns[2], keyHeads, sight.keys, HEAD_DIM);
    }

    private static Function<List<Tensor>, Tensor> oracle(Sight sight, int group) {
        return oracle(sight, group, 0);
    }

    private static Function<List<Tensor>, Tensor> oracle(Sight sight, int group, double softCap) {
        return t -> {
            Tensor q = t.get(0);
            int heads = (int) q.size(0);
            Tensor share =
                    Tensor.of(IntStream.range(0, heads).map(h -> h / group).toArray());
            Tensor k = t.get(1).indexSelect(0, share);
            Tensor v = t.get(2).indexSelect(0, share);
            Tensor column = Tensor.arange(sight.keys, Device.cpu());
            Tensor scaled = q.bmm(k.transpose(1, 2)).mul(SCALE);
            Tensor capped =
                    softCap == 0 ? scaled : scaled.mul(1 / softCap).tanh().mul(softCap);
            Tensor scores = capped.maskedFill(
                            column.lt(Tensor.of(sight.ranges.first()).unsqueeze(1)), Double.NEGATIVE_INFINITY)
                    .maskedFill(column.ge(Tensor.of(sight.ranges.end()).unsqueeze(1)), Double.NEGATIVE_INFINITY);
            return scores.softmax(2).bmm(v).transpose(0, 1).reshape(sight.ranges.rows(), (long) heads * HEAD_DIM);
        };
    }
}
