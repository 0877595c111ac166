package dev.graft.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/// Both bodies against double-precision arithmetic, or libtorch's autograd where a gradient is asked for.
class KernelsTest {
    private static final int[] SIZES = {1, 7, 64, 65, 1000, 4098};

    /// One body with one element type at one awkward size.
    record Case(Kernels kernels, DType type, int size) {
        @Override
        public String toString() {
            return kernels.getClass().getSimpleName() + " " + type + " " + size;
        }
    }

    static Stream<Case> cases() {
        return Stream.of(PlainKernels.INSTANCE, VectorKernels.instance())
                .flatMap(kernels -> Stream.of(DType.F32, DType.BF16)
                        .flatMap(type -> IntStream.of(SIZES).mapToObj(size -> new Case(kernels, type, size))));
    }

    private final Random random = new Random(7);
    private Scope scope;

    @BeforeEach
    void open() {
        scope = Scope.open();
    }

    @AfterEach
    void close() {
        scope.close();
    }

    @Test
    void theVectorKernelsAreTheProcessorsWhenTheirModuleIsThere() {
        assertThat(Kernels.of(Device.cpu())).isSameAs(VectorKernels.instance());
        assertThat(Kernels.of(Device.cuda(0))).isSameAs(PlainKernels.INSTANCE);
    }

    // ---------------------------------------------------------------- normalisation

    @Test
    void rmsNormDividesByTheRootMeanSquare() {
        // the mean square of (1, 7) is 25
        var normed =
                Kernels.of(Device.cpu()).rmsNorm(Tensor.of(new float[] {1, 7}, 1, 2), Tensor.of(new float[] {1, 2}), 0);
        assertClose(normed.y(), i -> new double[] {0.2, 2.8}[i], 1);
        assertClose(normed.inverse(), i -> 0.2, 1);
    }

    @ParameterizedTest
    @MethodSource("cases")
    void rmsNormAndItsGradientsMatchLibtorch(Case c) {
        Tensor x = normal(c.type, 3, c.size);
        Tensor gain = normal(c.type == DType.BF16 ? DType.F32 : DType.BF16, c.size); // any floating type will do
        Tensor dY = normal(c.type, 3, c.size);
        Tensor xLeaf = x.to(DType.F32).copy().leaf();
        Tensor gainLeaf = gain.to(DType.F32).copy().leaf();
        Tensor inverse = xLeaf.square().mean(1, true).add(1e-5).rsqrt();
        Tensor y = xLeaf.mul(inverse).mul(gainLeaf);
        y.backward(dY.to(DType.F32));

        var normed = c.kernels.rmsNorm(x, gain, 1e-5);
        assertClose(normed.y(), y.detach(), 10);
        assertClose(normed.inverse(), inverse.detach().view(3), 10);
        assertClose(
                c.kernels.rmsNormBackward(dY, x, gain, normed.inverse()),
                xLeaf.grad().orElseThrow(),
                50);
        assertClose(
                c.kernels.rmsNormGainGradient(dY, x, normed.inverse()),
                gainLeaf.grad().orElseThrow(),
                20);
    }

    // ---------------------------------------------------------------- gated unit

    @ParameterizedTest
    @MethodSource("cases")
    void swiGluAndItsGradientsMatchLibtorch(Case c) {
        Tensor gate = normal(c.type, 3, c.size).mulInPlace(4);
        Tensor up = normal(c.type, 3, c.size);
        Tensor dY = normal(c.type, 3, c.size);
        Tensor gateLeaf = gate.to(DType.F32).copy().leaf();
        Tensor upLeaf = up.to(DType.F32).copy().leaf();
        Tensor y = gateLeaf.silu().mul(upLeaf);
        y.backward(dY.to(DType.F32));

        assertClose(c.kernels.swiGlu(gate, up), y.detach(), 10);
        var gradients = c.kernels.swiGluBackward(dY, gate, up);
        assertClose(gradients.dGate(), gateLeaf.grad().orElseThrow(), 10);
        assertClose(gradients.dUp(), upLeaf.grad().orElseThrow(), 10);
    }

    @ParameterizedTest
    @MethodSource("cases")
    void swiGluSurvivesExtremeGates(Case c) {
        Tensor gate = Tensor.of(new float[] {-200, -90, -80, 80, 90, 200}).to(c.type);
        Tensor y = c.kernels.swiGlu(gate, Tensor.full(1, c.type, Device.cpu(), 6));
        float[] g = gate.toFloats();
        assertClose(y, i -> g[i] > 0 ? g[i] : 0, 10); // silu(−80) is about −1e−33
    }

    @ParameterizedTest
    @MethodSource("cases")
    void geGluAndItsGradientsMatchLibtorch(Case c) {
        Tensor gate = normal(c.type, 3, c.size).mulInPlace(3);
        Tensor up = normal(c.type, 3, c.size);
        Tensor dY = normal(c.type, 3, c.size);
        Tensor gateLeaf = gate.to(DType.F64).copy().leaf();
        Tensor upLeaf = up.to(DType.F64).copy().leaf();
        Tensor inner = gateLeaf.add(gateLeaf.mul(gateLeaf).mul(gateLeaf).mul(0.044715));
        Tensor gelu =
                gateLeaf.mul(0.5).mul(inner.mul(Math.sqrt(2 / Math.PI)).tanh().add(1));
        Tensor y = gelu.mul(upLeaf);
        y.backward(dY.to(DType.F64));

        assertClose(c.kernels.geGlu(gate, up), y.detach(), 20);
        var gradients = c.kernels.geGluBackward(dY, gate, up);
        assertClose(gradients.dGate(), gateLeaf.grad().orElseThrow(), 50);
        assertClose(gradients.dUp(), upLeaf.grad().orElseThrow(), 20);
    }

    @ParameterizedTest
    @MethodSource("cases")
    void geGluSurvivesExtremeGates(Case c) {
        Tensor gate = Tensor.of(new float[] {-1e4f, -90, -20, 20, 90, 1e4f}).to(c.type);
        Tensor one = Tensor.full(1, c.type, Device.cpu(), 6);
        float[] g = gate.toFloats();
        assertClose(c.kernels.geGlu(gate, one), i -> Math.max(g[i], 0), 10);
        assertClose(c.kernels.geGluBackward(one, gate, one).dGate(), i -> g[i] > 0 ? 1 : 0, 10);
    }

    // ---------------------------------------------------------------- rotary positions

    @ParameterizedTest
    @MethodSource("cases")
    void whatLiesBehindThePairsIsNotTurned(Case c) {
        int pairs = c.size;
        int rest = c.size % 7 + 1;
        int headDim = 2 * pairs + rest;
        int heads = 2;
        int tokens = 3;
        Tensor x = normal(c.type, tokens, (long) heads * headDim);
        Tensor angles = normal(DType.F32, tokens, pairs);
        Tensor y = c.kernels.rope(x, heads, angles.cos(), angles.sin());
        Tensor byHead = x.view(tokens, heads, headDim).transpose(0, 1).contiguous();
        Tensor turned = byHead.narrow(2, 0, 2L * pairs).transpose(0, 1).reshape(tokens, 2L * heads * pairs);
        assertClose(
                y.narrow(2, 0, 2L * pairs).contiguous(), c.kernels.rope(turned, heads, angles.cos(), angles.sin()), 10);
        assertClose(
                y.narrow(2, 2L * pairs, rest).contiguous(),
                byHead.narrow(2, 2L * pairs, rest).contiguous(),
                0);
        float[] in = x.toFloats();
        assertClose(
                c.kernels.ropeBackward(y, angles.cos(), angles.sin()), i -> in[i], c.type == DType.BF16 ? 200_000 : 10);
    }

    @ParameterizedTest
    @MethodSource("cases")
    void ropeTurnsPairsAndItsGradientTurnsThemBack(Case c) {
        int half = c.size;
        int heads = 3;
        int tokens = 5;
        Tensor x = normal(c.type, tokens, heads * 2L * half);
        Tensor angles = normal(DType.F32, tokens, half).mulInPlace(10);
        Tensor cos = angles.cos();
        Tensor sin = angles.sin();
        float[] in = x.toFloats();
        float[] co = cos.toFloats();
        float[] si = sin.toFloats();

        Tensor y = c.kernels.rope(x, heads, cos, sin);
        assertThat(y.shape()).containsExactly(heads, tokens, 2L * half);
        assertClose(
                y,
                i -> {
                    int head = i / (tokens * 2 * half);
                    int token = i / (2 * half) % tokens;
                    int pair = i % half;
                    int at = (token * heads + head) * 2 * half + pair;
                    double cosine = co[token * half + pair];
                    double sine = si[token * half + pair];
                    return i % (2 * half) < half
                            ? in[at] * cosine - in[at + half] * sine
                            : in[at + half] * cosine + in[at] * sine;
                },
                10);
        // A rotation's gradient is the opposite rotation. (The bfloat16 result was rounded once already.)
        assertClose(c.kernels.ropeBackward(y, cos, sin), i -> in[i], c.type == DType.BF16 ? 200_000 : 10);
    }

    // ---------------------------------------------------------------- attention

    /// Ranges at all extremes of `columns`.
    private static Kernels.Ranges extremes(int columns) {
        int middle = columns / 2;
        return new Kernels.Ranges(new int[] {0, 0, columns - 1, middle, 0, middle / 2}, new int[] {
            columns, 1, columns, columns, middle + 1, middle / 2 + Math.max(1, middle / 3)
        });
    }

    @ParameterizedTest
    @MethodSource("cases")
    void rangeSoftmaxMatchesDoubleArithmetic(Case c) {
        var ranges = extremes(c.size);
        int rows = 2 * ranges.rows(); // two stacked heads share the ranges
        Tensor scores = normal(c.type, 2, rows, c.size).mulInPlace(40); // up to about ±160
        Attention expected = new Attention(scores.toFloats(), c.size, rows, ranges, 0.5);
        Tensor logSumExp = Tensor.empty(DType.F32, Device.cpu(), 2, rows);
        c.kernels.rangeSoftmaxInPlace(scores, ranges, Kernels.Scoring.scaled(0.5), logSumExp);
        assertClose(scores, expected::probability, 200);
        assertClose(logSumExp, expected::logSumExp, 10);
    }

    @ParameterizedTest
    @MethodSource("cases")
    void rangeSoftmaxBackwardMatchesDoubleArithmetic(Case c) {
        var ranges = extremes(c.size);
        int rows = 2 * ranges.rows();
        Tensor scores = normal(c.type, 2, rows, c.size).mulInPlace(3);
        Tensor dP = normal(c.type, 2, rows, c.size);
        Tensor delta = normal(DType.F32, 2, rows);
        float[] d = dP.toFloats();
        float[] shift = delta.toFloats();
        Attention expected = new Attention(scores.toFloats(), c.size, rows, ranges, 0.25);
        float[] sums = new float[2 * rows];
        for (int i = 0; i < sums.length; i++) {
            sums[i] = (float) expected.logSumExp(i);
        }
        c.kernels.rangeSoftmaxBackwardInPlace(
                scores, dP, ranges, Kernels.Scoring.scaled(0.25), Tensor.of(sums, 2, rows), delta);
        assertClose(scores, expected::probability, 20);
        assertClose(dP, i -> expected.probability(i) * (d[i] - shift[i / c.size]) * 0.25, 20);
    }

    @ParameterizedTest
    @MethodSource("cases")
    void softCapsBendScoresAndTheirGradients(Case c) {
        var ranges = extremes(c.size);
        int rows = ranges.rows();
        double scale = 0.5;
        double cap = 3;
        Tensor scores = normal(c.type, 2, rows, c.size).mulInPlace(8); // up to about ±16 after scaling, capped at 3
        Tensor raw = scores.copy();
        Tensor dP = normal(c.type, 2, rows, c.size);
        Tensor delta = normal(DType.F32, 2, rows);
        float[] d = dP.toFloats();
        float[] shift = delta.toFloats();
        float[] products = scores.toFloats();
        float[] capped = new float[products.length];
        for (int i = 0; i < capped.length; i++) {
            capped[i] = (float) (cap * Math.tanh(scale * products[i] / cap));
        }
        Attention expected = new Attention(capped, c.size, rows, ranges, 1);
        Tensor sums = Tensor.empty(DType.F32, Device.cpu(), 2, rows);
        c.kernels.rangeSoftmaxInPlace(scores, ranges, new Kernels.Scoring(scale, cap), sums);
        assertClose(scores, expected::probability, 50);
        assertClose(sums, expected::logSumExp, 20);
        c.kernels.rangeSoftmaxBackwardInPlace(raw, dP, ranges, new Kernels.Scoring(scale, cap), sums, delta);
        assertClose(raw, expected::probability, 50);
        assertClose(
                dP,
                i -> {
                    double tanh = Math.tanh(scale * products[i] / cap);
                    return expected.probability(i) * (d[i] - shift[i / c.size]) * scale * (1 - tanh * tanh);
                },
                50);
    }

    @Test
    void aWindowLeavesTheLastColumns() {
        Kernels.Ranges all = new Kernels.Ranges(new int[] {0, 0, 4, 5}, new int[] {1, 4, 9, 6});
        Kernels.Ranges last = all.last(3);
        assertThat(last.first()).containsExactly(0, 1, 6, 5);
        assertThat(last.end()).containsExactly(all.end());
    }

    @ParameterizedTest
    @CsvSource({"0, 0", "-1, 0", "NaN, 0", "1, -1", "1, NaN", "1, Infinity"})
    void aScoringThatIsNoneIsRefused(double scale, double softCap) {
        assertThatThrownBy(() -> new Kernels.Scoring(scale, softCap))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll(String.valueOf(scale), String.valueOf(softCap));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void whatLiesOutsideTheRangeDoesNotMatter(Case c) {
        int columns = c.size + 2;
        var ranges = new Kernels.Ranges(new int[] {1}, new int[] {columns - 1});
        float[] values = new float[columns];
        values[0] = Float.NaN;
        values[columns - 1] = Float.POSITIVE_INFINITY;
        Tensor scores = Tensor.of(values, 1, 1, columns).to(c.type);
        Tensor raw = scores.copy();
        Tensor dP = scores.copy();
        Tensor sums = Tensor.of(new float[1], 1, 1);
        c.kernels.rangeSoftmaxInPlace(scores, ranges, Kernels.Scoring.scaled(1), sums);
        IntToDoubleFunction even = i -> i == 0 || i == columns - 1 ? 0 : 1.0 / c.size;
        assertClose(scores, even, 10);
        c.kernels.rangeSoftmaxBackwardInPlace(
                raw, dP, ranges, Kernels.Scoring.scaled(1), sums, Tensor.of(new float[1], 1, 1));
        assertClose(raw, even, 10);
        assertClose(dP, i -> 0, 10);
    }

    /// Softmax over ranges in double precision; indices are those of the flat `[batch, rows, columns]`.
    private static final class Attention {
        private final float[] scores;
        private final int columns;
        private final int rows;
        private final Kernels.Ranges ranges;
        private final double scale;
        private final double[] sums;

        Attention(float[] scores, int columns, int rows, Kernels.Ranges ranges, double scale) {
            this.scores = scores;
            this.columns = columns;
            this.rows = rows;
            this.ranges = ranges;
            this.scale = scale;
            this.sums = IntStream.range(0, scores.length / columns)
                    .mapToDouble(row -> KernelsTest.logSumExp(IntStream.range(row * columns, (row + 1) * columns)
                            .filter(this::isSeen)
                            .mapToDouble(i -> scale * scores[i])
                            .toArray()))
                    .toArray();
        }

        private boolean isSeen(int i) {
            int range = i / columns % rows % ranges.rows();
            return i % columns >= ranges.first()[range] && i % columns < ranges.end()[range];
        }

        double logSumExp(int row) {
            return sums[row];
        }

        double probability(int i) {
            return isSeen(i) ? Math.exp(scale * scores[i] - sums[i / columns]) : 0;
        }
    }

    private static double logSumExp(double[] values) {
        double largest = Arrays.stream(values).max().orElseThrow();
        return largest
                + Math.log(Arrays.stream(values).map(v -> Math.exp(v - largest)).sum());
    }

    @ParameterizedTest
    @MethodSource("cases")
    void rowDotSumsProducts(Case c) {
        Tensor a = normal(c.type, 2, 3, c.size);
        Tensor b = normal(c.type, 2, 3, c.size);
        float[] as = a.toFloats();
        float[] bs = b.toFloats();
        Tensor dot = c.kernels.rowDot(a, b);
        assertThat(dot.shape()).containsExactly(2, 3);
        assertClose(
                dot,
                row -> IntStream.range(row * c.size, (row + 1) * c.size)
                        .mapToDouble(i -> (double) as[i] * bs[i])
                        .sum(),
                Math.max(30, c.size / 10));
    }

    // ---------------------------------------------------------------- head

    @ParameterizedTest
    @MethodSource("cases")
    void logProbsAndTheirGradientMatchDoubleArithmetic(Case c) {
        Tensor logits = normal(c.type, 3, c.size).mulInPlace(30); // up to about ±80
        long[] targets = {0, c.size / 2, c.size - 1};
        float[] l = logits.toFloats();
        double[] sums = IntStream.range(0, 3)
                .mapToDouble(r -> logSumExp(IntStream.range(0, c.size)
                        .mapToDouble(j -> l[r * c.size + j])
                        .toArray()))
                .toArray();

        var result = c.kernels.logProbs(logits, Tensor.of(targets));
        assertClose(result.values(), r -> l[r * c.size + (int) targets[r]] - sums[r], 100);
        assertClose(result.logSumExp(), r -> sums[r], 10);

        float[] weights = {1, -0.5f, 0};
        c.kernels.logProbsBackwardInPlace(logits, Tensor.of(targets), result.logSumExp(), Tensor.of(weights));
        assertClose(
                logits,
                i -> {
                    int row = i / c.size;
                    int hit = i % c.size == targets[row] ? 1 : 0;
                    return weights[row] * (hit - Math.exp(l[i] - sums[row]));
                },
                100);
    }

    @ParameterizedTest
    @MethodSource("cases")
    void logitsThatAreNoNumbersAreNotHidden(Case c) {
        float[] values = new float[c.size];
        values[c.size / 2] = Float.NaN;
        var result = c.kernels.logProbs(Tensor.of(values, 1, c.size).to(c.type), Tensor.of(new long[] {0}));
        assertThat(result.logSumExp().item()).isNaN();
        values[c.size / 2] = Float.NEGATIVE_INFINITY;
        result = c.kernels.logProbs(Tensor.of(values, 1, c.size).to(c.type), Tensor.of(new long[] {0}));
        assertClose(result.logSumExp(), i -> Math.log(c.size - 1), 10);
    }

    // ---------------------------------------------------------------- dropout

    @ParameterizedTest
    @MethodSource("cases")
    void dropoutFollowsItsMaskBitForBit(Case c) {
        Tensor x = normal(c.type, 3, c.size);
        var mask = DropoutMask.of(0.3, 42);
        float[] in = x.toFloats();
        float[] expected = new float[in.length];
        for (int i = 0; i < in.length; i++) {
            expected[i] = in[i] * (mask.keeps(i) ? mask.scale() : 0);
        }
        float[] rounded = Tensor.of(expected).to(c.type).toFloats();
        assertThat(c.kernels.dropout(x, 0.3, 42).toFloats()).containsExactly(rounded);
        assertThat(c.kernels.dropout(x, 0, 42).toFloats()).containsExactly(in);
    }

    @Test
    void dropoutDropsItsShareAndSeedsDiffer() {
        int n = 1_000_000;
        Tensor ones = Tensor.full(1, DType.F32, Device.cpu(), n);
        float[] a = VectorKernels.instance().dropout(ones, 0.25, 1).toFloats();
        float[] b = VectorKernels.instance().dropout(ones, 0.25, 2).toFloats();
        long dropped = IntStream.range(0, n).filter(i -> a[i] == 0).count();
        long both = IntStream.range(0, n).filter(i -> a[i] == 0 && b[i] == 0).count();
        long pairs =
                IntStream.range(1, n).filter(i -> a[i] == 0 && a[i - 1] == 0).count();
        // standard deviations are about 433 and 242
        assertThat(dropped).isBetween(248_000L, 252_000L);
        assertThat(both).isBetween(61_300L, 63_700L);
        assertThat(pairs).isBetween(61_300L, 63_700L);
    }

    // ---------------------------------------------------------------- optimizer

    @ParameterizedTest
    @MethodSource("cases")
    void adamWFollowsItsFormula(Case c) {
        Tensor parameter = normal(DType.F32, c.size);
        Tensor m = Tensor.zeros(DType.F32, Device.cpu(), c.size);
        Tensor v = Tensor.zeros(DType.F32, Device.cpu(), c.size);
        double[] p = doubles(parameter);
        double[] mean = new double[c.size];
        double[] square = new double[c.size];
        var settings = new Kernels.AdamW(0.01, 0.9, 0.999, 1e-8, 0.1);
        for (int step = 1; step <= 3; step++) {
            Tensor gradient = normal(DType.F32, c.size);
            double[] g = doubles(gradient);
            for (int i = 0; i < c.size; i++) {
                double scaled = g[i] * 0.5;
                mean[i] = 0.9 * mean[i] + 0.1 * scaled;
                square[i] = 0.999 * square[i] + 0.001 * scaled * scaled;
                double spread = Math.sqrt(square[i] / (1 - Math.pow(0.999, step))) + 1e-8;
                p[i] = p[i] * (1 - 0.01 * 0.1) - 0.01 * mean[i] / (1 - Math.pow(0.9, step)) / spread;
            }
            c.kernels.adamWInPlace(parameter, gradient, m, v, settings, step, 0.5);
            assertThat(doubles(gradient)).containsExactly(g);
        }
        assertClose(parameter, i -> p[i], 10);
        assertClose(m, i -> mean[i], 10);
        assertClose(v, i -> square[i], 10);
    }

    // ---------------------------------------------------------------- misuse

    @Test
    void argumentsThatDoNotFitAreNamed() {
        Kernels vector = VectorKernels.instance();
        Tensor a = normal(DType.F32, 2, 4);
        assertThatThrownBy(() -> vector.swiGlu(a, normal(DType.F32, 2, 5)))
                .hasMessageContainingAll("up", "[2, 5]", "[2, 4]");
        assertThatThrownBy(() -> vector.swiGlu(a, a.to(DType.BF16))).hasMessageContainingAll("BF16", "F32");
        assertThatThrownBy(() -> vector.dropout(a.to(DType.F64), 0.1, 1)).hasMessageContaining("F32 or BF16");
        assertThatThrownBy(() -> vector.dropout(a.t(), 0.1, 1)).hasMessageContaining("contiguous");
        assertThatThrownBy(() -> vector.dropout(a, 1, 1)).hasMessageContaining("below 1");
        assertThatThrownBy(() -> vector.rope(a, 3, a, a)).hasMessageContaining("3 heads");
        assertThatThrownBy(() -> vector.rope(a, 1, a, a)).hasMessageContainingAll("cos", "at most 2 pairs");
        assertThatThrownBy(() -> vector.logProbs(a, Tensor.of(new long[] {0, 4})))
                .hasMessageContaining("targets[1] is 4");
        for (int[] range : List.of(new int[] {-1, 2}, new int[] {2, 2}, new int[] {0, 5})) {
            var ranges = new Kernels.Ranges(new int[] {range[0]}, new int[] {range[1]});
            Tensor sums = normal(DType.F32, 1, 2);
            assertThatThrownBy(
                            () -> vector.rangeSoftmaxInPlace(a.unsqueeze(0), ranges, Kernels.Scoring.scaled(1), sums))
                    .hasMessageContaining("inside [0, 4)");
        }
    }

    // ---------------------------------------------------------------- helpers

    private Tensor normal(DType type, long... shape) {
        int count = (int) Arrays.stream(shape).reduce(1, (a, b) -> a * b);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return Tensor.of(values, shape).to(type);
    }

    private static double[] doubles(Tensor tensor) {
        float[] floats = tensor.toFloats();
        return IntStream.range(0, floats.length).mapToDouble(i -> floats[i]).toArray();
    }

    private static void assertClose(Tensor actual, Tensor expected, double units) {
        assertThat(actual.shape()).containsExactly(expected.shape());
        float[] values = expected.toFloats();
        assertClose(actual, i -> values[i], units);
    }

    /// Within `units` of 1e-7 of the value or of one; a bfloat16 result also within its rounding.
    private static void assertClose(Tensor actual, IntToDoubleFunction expected, double units) {
        float[] values = actual.toFloats();
        double rounding = actual.dtype() == DType.BF16 ? 1 / 256.0 : 0;
        for (int i = 0; i < values.length; i++) {
            double want = expected.applyAsDouble(i);
            double tolerance = units * 1e-7 * Math.max(1, Math.abs(want)) + rounding * Math.abs(want);
            if (values[i] != want && !(Math.abs(values[i] - want) <= tolerance)) {
                throw new AssertionError("element %d is %s; expected %s ± %s".formatted(i, values[i], want, tolerance));
            }
        }
    }
}
