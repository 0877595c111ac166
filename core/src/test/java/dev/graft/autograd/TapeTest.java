package dev.graft.autograd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.graft.kernel.Kernels;
import dev.graft.kernel.Kernels.Ranges;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.LiveTensors;
import dev.graft.tensor.Tensor;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiFunction;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Recording, going back, recomputing, and what is held in memory meanwhile.
class TapeTest extends ScopedTest {
    private static final int TOKENS = 12;
    private static final int WIDTH = 8;

    private final List<Parameter> parameters = new ArrayList<>();

    @AfterEach
    void closeParameters() {
        parameters.forEach(Parameter::close);
    }

    private Parameter parameter(int seed, long... shape) {
        Parameter parameter = new Parameter(
                "p" + parameters.size(), GradientCheck.random(seed, shape).mul(0.3), DType.F32);
        parameters.add(parameter);
        return parameter;
    }

    private static Weight frozen(int seed, long... shape) {
        return new Weight.Frozen(GradientCheck.random(seed, shape).mul(0.3));
    }

    /// A block as transformers have them: norm, attention and a gated unit, with LoRA and dropout on a
    /// frozen base.
    private BiFunction<Tape, Value, Value> block(int id) {
        Weight gain = frozen(id, WIDTH);
        Projection q = lora(10 * id);
        Projection k = lora(10 * id + 1);
        Projection gate = lora(10 * id + 2);
        Ranges causal =
                new Ranges(new int[TOKENS], IntStream.rangeClosed(1, TOKENS).toArray());
        return (tape, x) -> {
            Value normed = Operations.rmsNorm(tape, x, gain, 1e-5);
            List<Value> projected = Projection.applyAll(tape, normed, List.of(q, k));
            Value heads = Operations.splitHeads(tape, projected.get(0), 2);
            Value keys = Operations.splitHeads(tape, projected.get(1), 2);
            Value middle = Operations.add(
                    tape, x, Attention.apply(tape, heads, keys, keys, causal, Kernels.Scoring.scaled(0.5)));
            Value gated = Operations.swiGlu(tape, Projection.apply(tape, middle, gate), middle);
            return Operations.add(tape, middle, gated);
        };
    }

    private Projection lora(int id) {
        LowRank change = new LowRank(parameter(id + 1000, 3, WIDTH), parameter(id + 2000, WIDTH, 3), 2, 0.25, id);
        return new Projection(frozen(id + 3000, WIDTH, WIDTH), Optional.empty(), List.of(change));
    }

    /// Gradients of everything that learns after one pass, by name, and that of the input.
    private Map<String, float[]> gradients(Tape tape, BiFunction<Tape, Value, Value> body) {
        try (tape) {
            Value x = tape.input(GradientCheck.random(1, TOKENS, WIDTH));
            Value y = body.apply(tape, x);
            tape.backward(y, GradientCheck.random(2, TOKENS, WIDTH));
            Map<String, float[]> all = new HashMap<>();
            all.put("x", tape.gradientOf(x).toFloats());
            for (Parameter parameter : parameters) {
                all.put(parameter.name(), parameter.gradient().toFloats());
                parameter.clearGradient();
            }
            return all;
        }
    }

    private static void assertSame(Map<String, float[]> found, Map<String, float[]> expected) {
        assertThat(found.keySet()).isEqualTo(expected.keySet());
        expected.forEach((name, values) -> assertThat(found.get(name)).as(name).containsExactly(values, within(1e-5f)));
    }

    // ---------------------------------------------------------------- recomputing

    @ParameterizedTest
    @MethodSource("kernels")
    void recomputedBlocksGiveTheSameGradientsWithDropoutToo(Kernels kernels) {
        var first = block(1);
        var second = block(2);
        Map<String, float[]> kept =
                gradients(Tape.over(kernels, 5), (tape, x) -> second.apply(tape, first.apply(tape, x)));
        Map<String, float[]> scoped =
                gradients(Tape.over(kernels, 5), (tape, x) -> tape.block(tape.block(x, first), second));
        Map<String, float[]> recomputed =
                gradients(Tape.over(kernels, 5), (tape, x) -> tape.recompute(tape.recompute(x, first), second));
        Map<String, float[]> nested = gradients(
                Tape.over(kernels, 5),
                (tape, x) -> tape.recompute(x, (t, v) -> t.recompute(t.block(v, first), second)));
        assertSame(scoped, kept);
        assertSame(recomputed, kept);
        assertSame(nested, kept);
        Map<String, float[]> otherSeed =
                gradients(Tape.over(kernels, 6), (tape, x) -> second.apply(tape, first.apply(tape, x)));
        assertThat(otherSeed.get("x")).isNotEqualTo(kept.get("x"));
    }

    @Test
    void aRecomputingTapeRecomputesBlocks() {
        var body = block(1);
        int[] runs = new int[1];
        BiFunction<Tape, Value, Value> counted = (tape, x) -> {
            runs[0]++;
            return body.apply(tape, x);
        };
        gradients(Tape.recording(Device.cpu(), 0, false), (tape, x) -> tape.block(x, counted));
        assertThat(runs[0]).isEqualTo(1);
        gradients(Tape.recording(Device.cpu(), 0, true), (tape, x) -> tape.block(x, counted));
        assertThat(runs[0]).isEqualTo(3);
        try (Tape silent = Tape.silent(Device.cpu())) {
            silent.recompute(silent.input(GradientCheck.random(1, TOKENS, WIDTH)), counted);
        }
        assertThat(runs[0]).isEqualTo(4);
    }

    @Test
    void weightsInsideLearnThoughTheInputDoesNot() {
        Parameter gain = parameter(1, WIDTH);
        Tensor x = GradientCheck.random(2, TOKENS, WIDTH);
        Tensor dY = GradientCheck.random(3, TOKENS, WIDTH);
        float[][] found = new float[2][];
        for (boolean recomputing : new boolean[] {false, true}) {
            try (Tape tape = Tape.recording(Device.cpu(), 0, recomputing)) {
                Value y = tape.block(tape.constant(x), (t, v) -> Operations.rmsNorm(t, v, gain, 1e-5));
                tape.backward(y, dY);
                found[recomputing ? 1 : 0] = gain.gradient().toFloats();
                gain.clearGradient();
            }
        }
        assertThat(found[1]).containsExactly(found[0]);
    }

    @Test
    void aBlockThatIsFrozenThroughoutGivesAConstant() {
        for (boolean recomputing : new boolean[] {false, true}) {
            try (Tape tape = Tape.recording(Device.cpu(), 0, recomputing)) {
                Value x = tape.constant(GradientCheck.random(2, TOKENS, WIDTH));
                Value y = tape.block(x, (t, v) -> Operations.rmsNorm(t, v, frozen(1, WIDTH), 1e-5));
                assertThat(y.wantsGradient()).isFalse();
                assertThat(y.data().allFinite()).isTrue();
            }
        }
    }

    // ---------------------------------------------------------------- libtorch's expressions

    @ParameterizedTest
    @MethodSource("kernels")
    void anyExpressionIsAnOperation(Kernels kernels) {
        for (int learns = 1; learns < 4; learns++) {
            GradientCheck.of(
                            kernels,
                            on -> on.tape()
                                    .torch(
                                            List.of(on.value(0), on.value(1)),
                                            t -> t.get(0).exp().mul(t.get(1)).logSoftmax(1)))
                    .value((learns & 1) > 0, 3, 5)
                    .value((learns & 2) > 0, 3, 5)
                    .against(2e-5, t -> t.get(0).exp().mul(t.get(1)).logSoftmax(1));
        }
        // the gradient of a sum is one number seen everywhere; operations before it need it in memory of its own
        GradientCheck.of(
                        kernels,
                        on -> on.tape()
                                .torch(
                                        List.of(Operations.swiGlu(on.tape(), on.value(0), on.value(1))),
                                        t -> t.getFirst().sum(1, false)))
                .value(true, 3, 5)
                .value(true, 3, 5)
                .against(2e-5, t -> t.get(0).silu().mul(t.get(1)).sum(1, false));
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void anExpressionMayTurnItsInputRound(Kernels kernels) {
        GradientCheck.of(kernels, on -> {
                    Value turned = on.tape()
                            .torch(List.of(on.value(0)), t -> t.getFirst().t());
                    return Operations.swiGlu(on.tape(), turned, on.value(1));
                })
                .value(true, 3, 5)
                .value(true, 5, 3)
                .against(2e-5, t -> t.get(0).t().silu().mul(t.get(1)));
    }

    @Test
    void anExpressionOfOneValueTwiceAddsBothGradients() {
        try (Tape tape = Tape.recording(Device.cpu(), 0, false)) {
            Value x = tape.input(Tensor.of(new float[] {2, 3}));
            Value y = tape.torch(List.of(x, x), t -> t.get(0).mul(t.get(1)));
            tape.backward(y, Tensor.of(new float[] {1, 10}));
            assertThat(tape.gradientOf(x).toFloats()).containsExactly(4, 60); // 2x · dY
        }
    }

    // ---------------------------------------------------------------- misuse

    @Test
    void goingBackFromWhatNothingLearnsInIsAnError() {
        for (Tape tape : List.of(Tape.silent(Device.cpu()), Tape.recording(Device.cpu(), 0, false))) {
            try (tape) {
                Value x = tape.isRecording()
                        ? tape.constant(Tensor.of(new float[] {1}))
                        : tape.input(Tensor.of(new float[] {1}));
                Value y = Operations.scale(tape, x, 2);
                assertThatThrownBy(() -> tape.backward(y, Tensor.of(new float[] {1})))
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessageContainingAll("wants a gradient", "frozen", "silent");
            }
        }
    }

    @Test
    void aTapeGoesBackOnce() {
        try (Tape tape = Tape.recording(Device.cpu(), 0, false)) {
            Value x = tape.input(Tensor.of(new float[] {1}));
            Value y = Operations.scale(tape, x, 2);
            tape.backward(y, Tensor.of(new float[] {1}));
            assertThatThrownBy(() -> tape.backward(y, Tensor.of(new float[] {1})))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("not on this tape");
            assertThat(tape.gradientOf(x).item()).isEqualTo(2);
            assertThatThrownBy(() -> tape.gradientOf(x))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("no gradient has reached");
        }
    }

    @Test
    void aStepBackThatFailsLeavesNothingBehind() {
        try (Tape tape = Tape.recording(Device.cpu(), 0, false)) {
            Value x = tape.input(Tensor.of(new float[] {1, 2}));
            Value y = tape.torch(List.of(x), t -> t.getFirst().square());
            assertThatThrownBy(() -> tape.backward(y, Tensor.of(new float[] {1, 2, 3})))
                    .isInstanceOf(RuntimeException.class);
        } // that nothing is left is checked after every test here
    }

    @Test
    void aFrozenWeightTakesNoGradient() {
        assertThatThrownBy(() -> frozen(1, 2).accumulate(Tensor.of(new float[] {1, 1})))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("frozen");
        assertThatThrownBy(() -> parameter(1, 2).gradient())
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("p0");
    }

    // ---------------------------------------------------------------- memory

    @Test
    void aSilentTapeKeepsNothingOfABlockButItsResult() {
        var body = block(1);
        try (Tape tape = Tape.silent(Device.cpu())) {
            Value x = tape.input(GradientCheck.random(1, TOKENS, WIDTH));
            long before = LiveTensors.count();
            Value y = tape.block(x, body);
            assertThat(y.wantsGradient()).isFalse();
            assertThat(LiveTensors.count()).isEqualTo(before + 1);
            tape.recompute(x, body);
            assertThat(LiveTensors.count()).isEqualTo(before + 2);
        }
    }

    @Test
    void aRecomputedBlockKeepsItsResultAlone() {
        var body = block(1);
        try (Tape tape = Tape.recording(Device.cpu(), 0, true)) {
            Value x = tape.input(GradientCheck.random(1, TOKENS, WIDTH));
            long before = LiveTensors.count();
            Value y = tape.block(x, body);
            assertThat(LiveTensors.count()).isEqualTo(before + 1);
            Tensor dY = GradientCheck.random(2, TOKENS, WIDTH);
            long gradients = before + 2 + 1 + parameters.size(); // y and dY; of the input; of each parameter
            tape.backward(y, dY);
            assertThat(LiveTensors.count()).isEqualTo(gradients);
        }
    }

    @Test
    void whatABlockMadeIsFreedOnTheWayBack() {
        var body = block(1);
        List<Tensor> inside = new ArrayList<>();
        try (Tape tape = Tape.recording(Device.cpu(), 0, false)) {
            Value x = tape.input(GradientCheck.random(1, TOKENS, WIDTH));
            Value y = tape.block(x, (t, v) -> {
                Value scaled = Operations.scale(t, v, 2); // nobody saves it
                Value gated = Operations.swiGlu(t, scaled, v); // saves its inputs
                Value twice = Operations.scale(t, gated, 2);
                inside.addAll(List.of(scaled.data(), gated.data(), twice.data()));
                return body.apply(t, twice);
            });
            assertThat(inside.stream().map(LiveTensors::isAlive)).containsExactly(true, false, true);
            tape.backward(y, GradientCheck.random(2, TOKENS, WIDTH));
            assertThat(inside).noneMatch(LiveTensors::isAlive);
        }
    }

    @Test
    void recordsThatNeverWentBackAreFreedWithTheTape() {
        var body = block(1);
        long[] recorded = new long[1];
        long before = LiveTensors.count();
        try (Tape tape = Tape.recording(Device.cpu(), 0, false)) {
            tape.block(tape.input(GradientCheck.random(1, TOKENS, WIDTH)), body);
            recorded[0] = LiveTensors.count();
        }
        assertThat(recorded[0]).isGreaterThan(before + 10);
        // the input, the result and the two steps of making the input
        assertThat(LiveTensors.count()).isLessThanOrEqualTo(before + 3);
    }
}
