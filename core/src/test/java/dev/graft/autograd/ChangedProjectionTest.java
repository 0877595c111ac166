package dev.graft.autograd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.graft.kernel.Kernels;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// What a projection can hold beside its weight and two factors: magnitudes (DoRA), a bias on the second
/// factor, and rows of its own. Also the head and the embedding with such changes. The oracle is
/// libtorch's autograd over the formulas written out.
class ChangedProjectionTest extends ScopedTest {
    private static final long SEED = 7;
    private static final double SCALE = 1.3;
    private static final int IN = 7;
    private static final int OUT = 9;
    private static final int RANK = 3;

    private final List<RowNorms> norms = new ArrayList<>();

    /// What there is beside the weight.
    private record Kind(int rows, double dropout, boolean magnitude, boolean biasOfB, boolean replaced, boolean bias) {}

    static Stream<Kind> kinds() {
        return Stream.of(
                new Kind(1, 0, true, false, false, false),
                new Kind(65, 0, true, false, false, true),
                new Kind(65, 0.25, true, false, false, true),
                new Kind(65, 0, false, true, false, true),
                new Kind(4, 0.25, false, true, false, false),
                new Kind(65, 0, false, false, true, true),
                new Kind(5, 0.5, true, false, true, true),
                new Kind(5, 0, true, true, true, true));
    }

    static Stream<Arguments> kindsAndKernels() {
        return kernels().flatMap(k -> kinds().map(kind -> Arguments.of(k, kind)));
    }

    @AfterEach
    void closeNorms() {
        norms.forEach(RowNorms::close);
    }

    @ParameterizedTest
    @MethodSource("kindsAndKernels")
    void gradientsAreLibtorchs(Kernels kernels, Kind kind) {
        check(kernels, kind).against(5e-5, oracle(kernels, kind));
    }

    @ParameterizedTest
    @MethodSource("kindsAndKernels")
    void bfloat16IsCloseToo(Kernels kernels, Kind kind) {
        check(kernels, kind).in(DType.BF16).against(0.015, oracle(kernels, kind));
    }

    @ParameterizedTest
    @MethodSource("kindsAndKernels")
    void logProbabilitiesThroughAChangedHeadAreLibtorchs(Kernels kernels, Kind kind) {
        Kind single = new Kind(kind.rows, 0, kind.magnitude, kind.biasOfB, kind.replaced, kind.bias);
        int[] rows = kind.rows == 1 ? new int[] {0} : new int[] {kind.rows - 1, 0, 2, 2, 1};
        Tensor picked = Tensor.of(rows);
        Tensor targets = Tensor.of(Arrays.stream(rows).map(i -> 31 * i % OUT).toArray());
        double softCap = kind.bias ? 1.5 : 0;
        Function<List<Tensor>, Tensor> plain = oracle(kernels, single);
        Function<List<Tensor>, Tensor> logits = softCap == 0
                ? plain
                : t -> plain.apply(t).mul(1 / softCap).tanh().mul(softCap);
        operands(
                        GradientCheck.of(
                                kernels,
                                on -> ChangedHead.inChunks(
                                        on.tape(), on.value(0), picked, projection(on, single), softCap, targets, 2)),
                        single)
                .against(
                        5e-5,
                        t -> logits.apply(t)
                                .indexSelect(0, picked)
                                .logSoftmax(1)
                                .gather(1, targets.unsqueeze(1))
                                .select(1, 0));
    }

    @Test
    void scoresOfAChangedHeadAreItsLogProbabilities() {
        Tensor hidden = GradientCheck.random(1, 6, IN);
        Projection head = new Projection(
                new Weight.Frozen(GradientCheck.random(2, OUT, IN)),
                Optional.of(new Weight.Frozen(GradientCheck.random(3, OUT))),
                List.of());
        Tensor rows = Tensor.of(new int[] {5, 0, 3});
        Tensor targets = Tensor.of(new int[] {1, 8, 4});
        try (Tape tape = Tape.silent(Device.cpu())) {
            TokenLogProbs.Scores scores = ChangedHead.score(tape, hidden, rows, head, 0, targets);
            float[] expected = ChangedHead.logProbs(tape, tape.constant(hidden), rows, head, 0, targets)
                    .data()
                    .toFloats();
            assertThat(scores.logProbs().toFloats()).containsExactly(expected);
            Tensor best = Projection.apply(tape, tape.constant(hidden.indexSelect(0, rows)), head)
                    .data()
                    .argmax(1);
            assertThat(scores.correct())
                    .isEqualTo((long) best.eq(targets).to(DType.F32).sum().item());
            assertThat(ChangedHead.logProbs(
                                    tape,
                                    tape.constant(hidden),
                                    Tensor.of(new int[0]),
                                    head,
                                    0,
                                    targets.narrow(0, 0, 0))
                            .data()
                            .toFloats())
                    .isEmpty();
        }
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void embeddingsHaveLibtorchsGradients(Kernels kernels) {
        Tensor ids = Tensor.of(new int[] {4, 0, 4, 10, 2});
        for (boolean magnitude : new boolean[] {false, true}) {
            GradientCheck.of(
                            kernels,
                            on -> Embedding.apply(on.tape(), embedding(on, magnitude), ids, OptionalInt.empty()))
                    .weight(false, 11, OUT)
                    .weight(true, RANK, 11)
                    .weight(true, OUT, RANK)
                    .weight(magnitude, OUT)
                    .against(5e-5, t -> {
                        Tensor changed =
                                t.get(0).add(t.get(2).mm(t.get(1)).mul(SCALE).t());
                        Tensor norm = changed.detach().square().sum(0, false).sqrt();
                        Tensor table = magnitude ? changed.mul(t.get(3).div(norm)) : changed;
                        return table.indexSelect(0, ids);
                    });
        }
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void replacedRowsOfATableHaveLibtorchsGradients(Kernels kernels) {
        Tensor ids = Tensor.of(new int[] {4, 0, 4, 10, 2, 7});
        Tensor index = Tensor.of(new int[] {7, 4, 1});
        for (boolean tableLearns : new boolean[] {false, true}) {
            GradientCheck.of(kernels, on -> Embedding.apply(on.tape(), withRows(on, index), ids, OptionalInt.empty()))
                    .weight(tableLearns, 11, OUT)
                    .weight(true, 3, OUT)
                    .against(2e-5, t -> mixed(t.get(0), t.get(1), index).indexSelect(0, ids));
        }
    }

    /// As PEFT passes `padding_idx` on: `B` learns from the padding token, its column of `A` does not.
    @ParameterizedTest
    @MethodSource("kernels")
    void thePaddingTokenGetsNoFactorsAndNoRowOfItsOwn(Kernels kernels) {
        Tensor ids = Tensor.of(new int[] {4, 0, 4, 10, 2});
        Tensor others = Tensor.of(new float[] {0, 1, 0, 1, 1}, 5, 1);
        GradientCheck.of(kernels, on -> Embedding.apply(on.tape(), embedding(on, false), ids, OptionalInt.of(4)))
                .weight(false, 11, OUT)
                .weight(true, RANK, 11)
                .weight(true, OUT, RANK)
                .against(5e-5, t -> {
                    Tensor u = OperationsTest.learnt(t.get(1).t().indexSelect(0, ids), others);
                    return t.get(0).indexSelect(0, ids).add(u.mm(t.get(2).t()).mul(SCALE));
                });
        Tensor index = Tensor.of(new int[] {10, 4});
        GradientCheck.of(kernels, on -> Embedding.apply(on.tape(), withRows(on, index), ids, OptionalInt.of(4)))
                .weight(true, 11, OUT)
                .weight(true, 2, OUT)
                .against(
                        2e-5,
                        t -> OperationsTest.learnt(
                                mixed(t.get(0), t.get(1), index).indexSelect(0, ids), others));
    }

    /// ‖w + s·b·A‖ of a matrix larger than one block, and that it follows the factors.
    @Test
    void rowNormsAreThoseOfTheChangedMatrix() {
        Tensor w = GradientCheck.random(1, 1030, 4100);
        Parameter a = new Parameter("a", GradientCheck.random(2, RANK, 4100), DType.F32);
        Parameter b = new Parameter("b", GradientCheck.random(3, 1030, RANK), DType.F32);
        try (RowNorms rows = RowNorms.ofRows(new Weight.Frozen(w), a, b, SCALE);
                RowNorms columns = RowNorms.ofColumns(new Weight.Frozen(w.t().contiguous()), a, b, SCALE)) {
            assertClose(rows.value(), norms(w, a, b));
            assertClose(columns.value(), norms(w, a, b));
            b.set(Tensor.zeros(DType.F32, Device.cpu(), 1030, RANK));
            assertThat(rows.value().toFloats()).containsExactly(norms(w, a, b).toFloats(), within(0.0005f));
            assertThat(rows.value()).isSameAs(rows.value());
        }
        a.close();
        b.close();
    }

    @Test
    void aChangeThatCancelsItsWeightHasNoNormBelowZero() {
        Tensor w = GradientCheck.random(1, OUT, IN);
        Weight a = new Weight.Frozen(w);
        float[] minus = new float[OUT * OUT];
        for (int i = 0; i < OUT; i++) {
            minus[i * OUT + i] = -1;
        }
        Weight b = new Weight.Frozen(Tensor.of(minus, OUT, OUT));
        try (RowNorms rows = RowNorms.ofRows(new Weight.Frozen(w), a, b, 1)) {
            for (float norm : rows.value().toFloats()) {
                assertThat(norm).isBetween(0f, 2e-3f);
            }
        }
    }

    @Test
    void aMagnitudeStandsAlone() {
        Weight frozen = new Weight.Frozen(GradientCheck.random(1, OUT, IN));
        Weight a = new Weight.Frozen(GradientCheck.random(2, RANK, IN));
        Weight b = new Weight.Frozen(GradientCheck.random(3, OUT, RANK));
        RowNorms own = RowNorms.ofRows(frozen, a, b, 1);
        norms.add(own);
        LowRank scaled = new LowRank(a, b, 1, 0, 0, Optional.empty(), Optional.of(new Magnitude(frozen, own)));
        assertThatThrownBy(() -> new Projection(frozen, Optional.empty(), List.of(scaled, scaled)))
                .hasMessageContaining("magnitude");
        Parameter learning = new Parameter("w", GradientCheck.random(1, OUT, IN), DType.F32);
        assertThatThrownBy(() -> RowNorms.ofRows(learning, a, b, 1)).isInstanceOf(IllegalArgumentException.class);
        learning.close();
    }

    private static Tensor norms(Tensor w, Parameter a, Parameter b) {
        return w.add(b.master().mm(a.master()).mul(SCALE))
                .square()
                .sum(1, false)
                .sqrt();
    }

    private static void assertClose(Tensor found, Tensor expected) {
        assertThat(found.sub(expected).abs().max().item())
                .isLessThan(1e-5 * expected.max().item());
    }

    private GradientCheck check(Kernels kernels, Kind kind) {
        return operands(
                GradientCheck.of(kernels, on -> Projection.apply(on.tape(), on.value(0), projection(on, kind))), kind);
    }

    private static GradientCheck operands(GradientCheck check, Kind kind) {
        return check.seed(SEED)
                .value(true, kind.rows, IN)
                .weight(false, OUT, IN)
                .weight(kind.bias, OUT)
                .weight(true, RANK, IN)
                .weight(true, OUT, RANK)
                .weight(kind.biasOfB, OUT)
                .weight(kind.magnitude, OUT)
                .weight(kind.replaced, 2, IN);
    }

    private Projection projection(GradientCheck.Operands on, Kind kind) {
        Optional<Magnitude> magnitude = Optional.empty();
        if (kind.magnitude) {
            RowNorms own = RowNorms.ofRows(on.weight(1), on.weight(3), on.weight(4), SCALE);
            norms.add(own);
            magnitude = Optional.of(new Magnitude(on.weight(6), own));
        }
        LowRank change = new LowRank(
                on.weight(3),
                on.weight(4),
                SCALE,
                kind.dropout,
                5,
                kind.biasOfB ? Optional.of(on.weight(5)) : Optional.empty(),
                magnitude);
        return new Projection(
                on.weight(1),
                kind.bias ? Optional.of(on.weight(2)) : Optional.empty(),
                List.of(change),
                kind.replaced ? Optional.of(new ReplacedRows(index(), on.weight(7))) : Optional.empty());
    }

    private static Tensor index() {
        return Tensor.of(new int[] {6, 1});
    }

    private static Function<List<Tensor>, Tensor> oracle(Kernels kernels, Kind kind) {
        return t -> {
            Tensor x = t.get(0);
            Tensor w = t.get(1);
            Tensor dropped = x.mul(mask(kernels, kind));
            Tensor low = dropped.mm(t.get(3).t()).mm(t.get(4).t()).mul(SCALE);
            Tensor y = x.mm(w.t());
            if (kind.magnitude) {
                Tensor norm = w.add(t.get(4).mm(t.get(3)).mul(SCALE))
                        .detach()
                        .square()
                        .sum(1, false)
                        .sqrt();
                Tensor gain = t.get(6).div(norm);
                y = y.add(dropped.mm(w.t()).mul(gain.add(-1))).add(low.mul(gain));
            } else {
                y = y.add(low);
            }
            y = kind.biasOfB ? y.add(t.get(5).mul(SCALE)) : y;
            y = kind.replaced ? mixed(y.t(), x.mm(t.get(7).t()).t(), index()).t() : y;
            return kind.bias ? y.add(t.get(2)) : y;
        };
    }

    /// Rows of one matrix with some of another in their place, by a product with zeros and ones.
    private static Tensor mixed(Tensor table, Tensor rows, Tensor index) {
        int n = (int) table.size(0);
        int count = (int) index.elements();
        float[] keep = new float[n];
        Arrays.fill(keep, 1);
        float[] place = new float[n * count];
        long[] at = index.toLongs();
        for (int i = 0; i < count; i++) {
            keep[(int) at[i]] = 0;
            place[(int) at[i] * count + i] = 1;
        }
        return table.mul(Tensor.of(keep, n, 1).to(DType.F64))
                .add(Tensor.of(place, n, count).to(DType.F64).mm(rows));
    }

    private static Tensor mask(Kernels kernels, Kind kind) {
        Tensor ones = Tensor.full(1, DType.F32, Device.cpu(), kind.rows, IN);
        try (Tape tape = Tape.over(kernels, SEED)) {
            return kind.dropout == 0
                    ? ones.to(DType.F64)
                    : kernels.dropout(ones, kind.dropout, tape.seedOf(5)).to(DType.F64);
        }
    }

    private Embedding embedding(GradientCheck.Operands on, boolean magnitude) {
        Optional<Magnitude> sizes = Optional.empty();
        if (magnitude) {
            RowNorms own = RowNorms.ofColumns(on.weight(0), on.weight(1), on.weight(2), SCALE);
            norms.add(own);
            sizes = Optional.of(new Magnitude(on.weight(3), own));
        }
        LowRank low = new LowRank(on.weight(1), on.weight(2), SCALE, 0, 0, Optional.empty(), sizes);
        return new Embedding(on.weight(0), Optional.of(low), Optional.empty());
    }

    /// The first weight as a table, with rows of the second in place of those at `index`.
    private static Embedding withRows(GradientCheck.Operands on, Tensor index) {
        return new Embedding(on.weight(0), Optional.empty(), Optional.of(new ReplacedRows(index, on.weight(1))));
    }
}
