package dev.graft.autograd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.graft.kernel.Kernels;
import dev.graft.tensor.DType;
import dev.graft.tensor.Tensor;
import java.util.List;
import java.util.OptionalInt;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Gradients of the operations, each against libtorch's and against slopes of its own results.
class OperationsTest extends ScopedTest {
    private static final double TOLERANCE = 2e-5;
    /// bfloat16 keeps 8 bits of a number: about 0.2 % a rounding.
    private static final double COARSE = 0.008;

    private static final long[][] SHAPES = {{1, 8}, {3, 48}, {65, 100}};

    @ParameterizedTest
    @MethodSource("kernels")
    void additionGivesBothItsGradient(Kernels kernels) {
        check(
                kernels,
                true,
                true,
                on -> Operations.add(on.tape(), on.value(0), on.value(1)),
                t -> t.get(0).add(t.get(1)));
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void additionGivesNoGradientToAConstant(Kernels kernels) {
        check(
                kernels,
                false,
                true,
                on -> Operations.add(on.tape(), on.value(0), on.value(1)),
                t -> t.get(0).add(t.get(1)));
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void aValueUsedThreeTimesGetsThreeGradients(Kernels kernels) {
        Function<GradientCheck.Operands, Value> operation = on -> {
            Value doubled = Operations.add(on.tape(), on.value(0), on.value(0));
            return Operations.add(on.tape(), doubled, Operations.swiGlu(on.tape(), on.value(0), on.value(1)));
        };
        check(
                kernels,
                true,
                true,
                operation,
                t -> t.get(0).mul(2).add(silu(t.get(0)).mul(t.get(1))));
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void scalingScalesTheGradient(Kernels kernels) {
        check(
                kernels,
                true,
                false,
                on -> Operations.scale(on.tape(), on.value(0), -1.5),
                t -> t.get(0).mul(-1.5));
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void swiGluMatches(Kernels kernels) {
        for (boolean gateLearns : new boolean[] {true, false}) {
            for (boolean upLearns : new boolean[] {true, false}) {
                if (gateLearns || upLearns) {
                    check(
                            kernels,
                            gateLearns,
                            upLearns,
                            on -> Operations.swiGlu(on.tape(), on.value(0), on.value(1)),
                            t -> silu(t.get(0)).mul(t.get(1)));
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void geGluMatches(Kernels kernels) {
        for (int learns = 1; learns < 4; learns++) {
            check(
                    kernels,
                    (learns & 1) != 0,
                    (learns & 2) != 0,
                    on -> Operations.geGlu(on.tape(), on.value(0), on.value(1)),
                    t -> {
                        Tensor x = t.get(0);
                        Tensor inner = x.add(x.mul(x).mul(x).mul(0.044715)).mul(Math.sqrt(2 / Math.PI));
                        return x.mul(0.5).mul(inner.tanh().add(1)).mul(t.get(1));
                    });
        }
        GradientCheck.of(kernels, on -> Operations.geGlu(on.tape(), on.value(0), on.value(1)))
                .value(true, 3, 8)
                .value(true, 3, 8)
                .slopes(1e-2, 2e-3);
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void aGainWithAnOffsetNormalisesEachHead(Kernels kernels) {
        for (int heads : new int[] {1, 3}) {
            for (int width : new int[] {1, 5, 64}) {
                GradientCheck.of(kernels, on -> Operations.rmsNorm(on.tape(), on.value(0), on.weight(1), 0.1, 1))
                        .value(true, 7, (long) heads * width)
                        .weight(true, width)
                        .against(
                                TOLERANCE,
                                t -> rmsNorm(List.of(
                                                t.get(0).view(-1, width),
                                                t.get(1).add(1)))
                                        .view(7, (long) heads * width));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void splittingCutsColumnsAndJoinsTheirGradients(Kernels kernels) {
        List<Integer> widths = List.of(3, 1, 5);
        for (int used = 0; used < 3; used++) {
            int part = used;
            int start = widths.subList(0, part).stream().mapToInt(i -> i).sum();
            GradientCheck.of(
                            kernels,
                            on -> Operations.scale(
                                    on.tape(),
                                    Operations.split(on.tape(), on.value(0), widths)
                                            .get(part),
                                    2))
                    .value(true, 4, 9)
                    .against(
                            TOLERANCE,
                            t -> t.get(0).narrow(1, start, widths.get(part)).mul(2));
        }
        try (Tape tape = Tape.over(kernels, 0)) {
            Value x = tape.constant(GradientCheck.random(1, 2, 9));
            assertThatThrownBy(() -> Operations.split(tape, x, List.of(4, 4)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContainingAll("[4, 4]", "8", "[2, 9]");
        }
    }

    private static Tensor silu(Tensor x) {
        return x.mul(x.sigmoid());
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void rmsNormMatches(Kernels kernels) {
        for (long[] shape : SHAPES) {
            for (boolean xLearns : new boolean[] {true, false}) {
                for (boolean gainLearns : new boolean[] {true, false}) {
                    if (xLearns || gainLearns) {
                        rmsNorm(kernels, shape, xLearns, gainLearns).against(TOLERANCE, OperationsTest::rmsNorm);
                        rmsNorm(kernels, shape, xLearns, gainLearns)
                                .in(DType.BF16)
                                .against(COARSE, OperationsTest::rmsNorm);
                    }
                }
            }
        }
        rmsNorm(kernels, new long[] {3, 8}, true, true).slopes(1e-2, 2e-3);
    }

    private static GradientCheck rmsNorm(Kernels kernels, long[] shape, boolean xLearns, boolean gainLearns) {
        return GradientCheck.of(kernels, on -> Operations.rmsNorm(on.tape(), on.value(0), on.weight(1), 0.1))
                .value(xLearns, shape)
                .weight(gainLearns, shape[1]);
    }

    private static Tensor rmsNorm(List<Tensor> t) {
        Tensor inverse = t.get(0).square().mean(1, true).add(0.1).rsqrt();
        return t.get(0).mul(inverse).mul(t.get(1));
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void layerNormMatches(Kernels kernels) {
        for (long[] shape : SHAPES) {
            for (int learns = 1; learns < 8; learns++) {
                layerNorm(kernels, shape, learns).against(TOLERANCE, OperationsTest::layerNorm);
                layerNorm(kernels, shape, learns).in(DType.BF16).against(COARSE, OperationsTest::layerNorm);
            }
        }
        layerNorm(kernels, new long[] {3, 8}, 7).slopes(1e-2, 2e-3);
    }

    /// @param learns a bit each for x, gain and bias
    private static GradientCheck layerNorm(Kernels kernels, long[] shape, int learns) {
        return GradientCheck.of(
                        kernels, on -> Operations.layerNorm(on.tape(), on.value(0), on.weight(1), on.weight(2), 0.1))
                .value((learns & 1) != 0, shape)
                .weight((learns & 2) != 0, shape[1])
                .weight((learns & 4) != 0, shape[1]);
    }

    private static Tensor layerNorm(List<Tensor> t) {
        Tensor centred = t.get(0).sub(t.get(0).mean(1, true));
        Tensor inverse = centred.square().mean(1, true).add(0.1).rsqrt();
        return centred.mul(inverse).mul(t.get(1)).add(t.get(2));
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void geluByHyperbolicTangentMatches(Kernels kernels) {
        double root = Math.sqrt(2 / Math.PI);
        gelu(kernels, true, x -> {
            Tensor inner = x.add(x.mul(x).mul(x).mul(0.044715)).mul(root);
            Tensor tanh = inner.mul(2).sigmoid().mul(2).add(-1);
            return x.mul(tanh.add(1)).mul(0.5);
        });
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void exactGeluMatches(Kernels kernels) {
        gelu(kernels, false, x -> x.gelu(false)); // libtorch's own, in float64
        try (Tape tape = Tape.over(kernels, 0)) { // x · Φ(x) at the quartiles of the normal distribution
            Value x = tape.constant(Tensor.of(new float[] {-0.67448975f, 0, 0.67448975f, 40}, 4));
            assertThat(Operations.gelu(tape, x, false).data().toFloats())
                    .containsExactly(new float[] {-0.67448975f / 4, 0, 0.67448975f * 3 / 4, 40}, within(1e-6f));
        }
    }

    private static void gelu(Kernels kernels, boolean tanh, UnaryOperator<Tensor> oracle) {
        for (long[] shape : SHAPES) {
            for (DType type : List.of(DType.F32, DType.BF16)) {
                GradientCheck.of(kernels, on -> Operations.gelu(on.tape(), on.value(0), tanh))
                        .in(type)
                        .value(true, shape)
                        .against(type == DType.F32 ? TOLERANCE : COARSE, t -> oracle.apply(t.getFirst()));
            }
        }
        GradientCheck.of(kernels, on -> Operations.gelu(on.tape(), on.value(0), tanh))
                .value(true, 3, 8)
                .slopes(1e-2, 1e-3);
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void ropeMatches(Kernels kernels) {
        int[][] sizes = {{1, 1, 2}, {5, 3, 8}, {65, 2, 64}}; // tokens, heads, headDim
        for (int[] size : sizes) {
            Tensor angles = GradientCheck.random(3, size[0], size[2] / 2).mul(2);
            rope(kernels, size, angles).against(TOLERANCE, t -> rope(t.get(0), size, angles));
            rope(kernels, size, angles).in(DType.BF16).against(COARSE, t -> rope(t.get(0), size, angles));
        }
        int[] small = {5, 3, 8};
        rope(kernels, small, GradientCheck.random(3, 5, 4)).slopes(1e-2, 1e-3);
    }

    private static GradientCheck rope(Kernels kernels, int[] size, Tensor angles) {
        return GradientCheck.of(
                        kernels, on -> Operations.rope(on.tape(), on.value(0), size[1], angles.cos(), angles.sin()))
                .value(true, size[0], (long) size[1] * size[2]);
    }

    private static Tensor rope(Tensor x, int[] size, Tensor angles) {
        Tensor cos = angles.to(DType.F64).cos();
        Tensor sin = angles.to(DType.F64).sin();
        Tensor heads = x.view(size[0], size[1], size[2]).transpose(0, 1);
        Tensor a = heads.narrow(2, 0, size[2] / 2);
        Tensor b = heads.narrow(2, size[2] / 2, size[2] / 2);
        return Tensor.cat(List.of(a.mul(cos).sub(b.mul(sin)), b.mul(cos).add(a.mul(sin))), 2);
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void splittingHeadsMovesNumbersOnly(Kernels kernels) {
        for (int[] size : new int[][] {{1, 3, 2}, {5, 3, 4}, {7, 1, 4}}) {
            GradientCheck.of(kernels, on -> Operations.splitHeads(on.tape(), on.value(0), size[1]))
                    .value(true, size[0], (long) size[1] * size[2])
                    .against(0, t -> t.get(0).view(size[0], size[1], size[2]).transpose(0, 1));
        }
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void anEmbeddingRowGetsTheGradientsOfAllItsUses(Kernels kernels) {
        Tensor ids = Tensor.of(new int[] {3, 0, 3, 9, 3});
        for (DType type : List.of(DType.F32, DType.BF16)) {
            GradientCheck.of(kernels, on -> Operations.embedding(on.tape(), on.weight(0), ids, OptionalInt.empty()))
                    .in(type)
                    .weight(true, 10, 6)
                    .against(
                            type == DType.F32 ? 1e-6 : COARSE, t -> t.getFirst().indexSelect(0, ids));
        }
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void theRowOfThePaddingTokenGetsNoGradient(Kernels kernels) {
        Tensor ids = Tensor.of(new int[] {3, 0, 3, 9, 3});
        Tensor others = Tensor.of(new float[] {0, 1, 0, 1, 0}, 5, 1);
        GradientCheck.of(kernels, on -> Operations.embedding(on.tape(), on.weight(0), ids, OptionalInt.of(3)))
                .weight(true, 10, 6)
                .against(1e-6, t -> learnt(t.getFirst().indexSelect(0, ids), others));
    }

    /// The same numbers, of which only those at ones learn.
    static Tensor learnt(Tensor rows, Tensor ones) {
        return rows.mul(ones).add(rows.detach().sub(rows.detach().mul(ones)));
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void aFrozenEmbeddingIsAConstant(Kernels kernels) {
        try (Tape tape = Tape.over(kernels, 0)) {
            Value rows = Operations.embedding(
                    tape,
                    new Weight.Frozen(GradientCheck.random(1, 4, 2)),
                    Tensor.of(new int[] {2, 2}),
                    OptionalInt.of(2));
            assertThat(rows.wantsGradient()).isFalse();
        }
    }

    /// Checks an operation of two values of one shape, in several shapes and both computing types.
    private static void check(
            Kernels kernels,
            boolean firstLearns,
            boolean secondLearns,
            Function<GradientCheck.Operands, Value> operation,
            Function<List<Tensor>, Tensor> oracle) {
        for (long[] shape : SHAPES) {
            two(kernels, firstLearns, secondLearns, operation, shape).against(TOLERANCE, oracle);
            two(kernels, firstLearns, secondLearns, operation, shape)
                    .in(DType.BF16)
                    .against(COARSE, oracle);
        }
        two(kernels, firstLearns, secondLearns, operation, 3, 8).slopes(1e-2, 1e-3);
    }

    private static GradientCheck two(
            Kernels kernels,
            boolean firstLearns,
            boolean secondLearns,
            Function<GradientCheck.Operands, Value> operation,
            long... shape) {
        return GradientCheck.of(kernels, operation).value(firstLearns, shape).value(secondLearns, shape);
    }
}
