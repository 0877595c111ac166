package dev.graft.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.Goldens;
import dev.graft.autograd.Parameter;
import dev.graft.tensor.DType;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class AdamWTest {
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
    void fiveStepsAreThoseOfPyTorch() {
        JsonNode golden = Goldens.json("adamw.json");
        JsonNode settings = golden.get("settings");
        Parameter parameter = parameter("p", Goldens.floats(golden.get("initial")));
        try (AdamW adam = new AdamW(
                List.of(parameter),
                new AdamWSettings(
                        settings.get("betas").get(0).asDouble(),
                        settings.get("betas").get(1).asDouble(),
                        settings.get("eps").asDouble(),
                        settings.get("weight_decay").asDouble()),
                AdamW.everyParameter())) {
            for (int step = 0; step < golden.get("gradients").size(); step++) {
                float[] gradient = Goldens.floats(golden.get("gradients").get(step));
                take(adam, settings.get("lr").asDouble(), parameter, gradient);
                float[] expected =
                        Goldens.floats(golden.get("parameters_after_each_step").get(step));
                assertThat(parameter.master().toFloats())
                        .as("step %d", step)
                        .containsExactly(expected, within(1.2e-7f));
            }
            assertClose(adam.state().get("p.exp_avg"), Goldens.floats(golden.get("first_moment_after_last_step")));
            assertClose(adam.state().get("p.exp_avg_sq"), Goldens.floats(golden.get("second_moment_after_last_step")));
        }
        parameter.close();
    }

    @Test
    void gradientScaleIsAppliedToTheGradient() {
        Parameter scaled = parameter("p", 1, -2);
        Parameter plain = parameter("p", 1, -2);
        try (AdamW a = adam(scaled);
                AdamW b = adam(plain)) {
            scaled.accumulate(Tensor.of(new float[] {8, -0.5f}));
            a.step(0.1, 0.25);
            take(b, 0.1, plain, 2, -0.125f);
            assertThat(scaled.master().toFloats()).isEqualTo(plain.master().toFloats());
            assertThat(a.state().get("p.exp_avg").toFloats())
                    .isEqualTo(b.state().get("p.exp_avg").toFloats());
        }
        scaled.close();
        plain.close();
    }

    @Test
    void parameterWithoutGradientKeepsItsValuesAndItsStepCount() {
        Parameter sometimes = parameter("sometimes", 1);
        Parameter always = parameter("always", 1);
        try (AdamW adam = new AdamW(
                List.of(sometimes, always), AdamWSettings.defaults().withWeightDecay(0.5), AdamW.everyParameter())) {
            always.accumulate(Tensor.of(new float[] {1}));
            adam.step(0.1, 1);
            assertThat(sometimes.master().toFloats()).containsExactly(1);
            assertThat(adam.state()).doesNotContainKey("sometimes.exp_avg");

            always.clearGradient();
            take(adam, 0.1, sometimes, 1);
            // first step of this parameter: 1 · (1 − 0.1 · 0.5) − 0.1 · m̂/√v̂ = 0.95 − 0.1
            assertThat(sometimes.master().toFloats()).containsExactly(new float[] {0.85f}, within(1e-6f));
            assertThat(adam.state().get("sometimes.step").toLongs()).containsExactly(1);
            assertThat(adam.steps()).isEqualTo(2);
        }
        sometimes.close();
        always.close();
    }

    @Test
    void onlyMatricesDecayWhenAskedSo() {
        Parameter gain = parameter("norm.weight", 1, 1);
        Parameter matrix = new Parameter("proj.weight", Tensor.of(new float[] {1, 1}, 1, 2), DType.F32);
        try (AdamW adam =
                new AdamW(List.of(gain, matrix), AdamWSettings.defaults().withWeightDecay(0.5), AdamW.matrices())) {
            gain.accumulate(Tensor.of(new float[] {0, 0}));
            matrix.accumulate(Tensor.of(new float[] {0, 0}, 1, 2));
            adam.step(0.1, 1);
            assertThat(gain.master().toFloats()).containsExactly(1, 1);
            assertThat(matrix.master().toFloats()).containsExactly(0.95f, 0.95f);
        }
        gain.close();
        matrix.close();
    }

    @Test
    void layersReadTheChangedValues() {
        Parameter parameter = new Parameter("p", Tensor.of(new float[] {1}), DType.BF16);
        try (AdamW adam = adam(parameter)) {
            take(adam, 0.5, parameter, 1);
            assertThat(parameter.value().toFloats()).containsExactly(0.5f);
        }
        parameter.close();
    }

    @Test
    void resumedRunGoesOnBitForBit() {
        Parameter straight = parameter("p", 0.3f, -1.7f, 5);
        Parameter resumed = parameter("p", 0.3f, -1.7f, 5);
        try (AdamW whole = adam(straight);
                AdamW before = adam(resumed);
                AdamW after = adam(resumed)) {
            for (int step = 0; step < 3; step++) {
                take(whole, 0.01, straight, gradient(step));
                take(before, 0.01, resumed, gradient(step));
            }
            Map<String, Tensor> saved = copied(before.state());
            after.load(before.steps(), name -> Optional.ofNullable(saved.get(name)));
            for (int step = 3; step < 6; step++) {
                take(whole, 0.01, straight, gradient(step));
                take(after, 0.01, resumed, gradient(step));
            }
            assertThat(resumed.master().toFloats()).isEqualTo(straight.master().toFloats());
            assertThat(after.steps()).isEqualTo(6);
        }
        straight.close();
        resumed.close();
    }

    @Test
    void stateOfAnotherModelIsRefusedWithEveryDifference() {
        Parameter a = parameter("a", 1, 2, 3);
        Parameter b = parameter("b", 1);
        Map<String, Tensor> other = Map.of(
                "a.exp_avg", Tensor.of(new float[2]),
                "a.exp_avg_sq", Tensor.of(new float[3]),
                "a.step", Tensor.of(new long[] {9}),
                "b.exp_avg", Tensor.of(new float[1]));
        try (AdamW adam = new AdamW(List.of(a, b), AdamWSettings.defaults(), AdamW.everyParameter())) {
            assertThatThrownBy(() -> adam.load(4, name -> Optional.ofNullable(other.get(name))))
                    .hasMessageContaining("a.exp_avg: [2] F32; expected [3] F32")
                    .hasMessageContaining("a.step: [9]; expected one number from 1 to 4")
                    .hasMessageContaining("b: has some of");
            assertThat(adam.state()).isEmpty();
        }
        a.close();
        b.close();
    }

    @Test
    void parametersOfOneNameAreRefused() {
        Parameter a = parameter("same", 1);
        Parameter b = parameter("same", 2);
        assertThatThrownBy(() -> new AdamW(List.of(a, b), AdamWSettings.defaults(), AdamW.everyParameter()))
                .hasMessageContaining("2 parameters have 1 different names");
        a.close();
        b.close();
    }

    @Test
    void settingsThatCannotWorkAreRefused() {
        assertThatThrownBy(() -> new AdamWSettings(1, 0.999, 1e-8, 0)).hasMessageContaining("beta1 is 1.0");
        assertThatThrownBy(() -> new AdamWSettings(0.9, -1, 1e-8, 0)).hasMessageContaining("beta2");
        assertThatThrownBy(() -> new AdamWSettings(0.9, 0.999, Double.NaN, 0)).hasMessageContaining("epsilon");
        assertThatThrownBy(() -> new AdamWSettings(0.9, 0.999, 1e-8, -0.1))
                .hasMessageContaining("weight decay is -0.1");
    }

    private static float[] gradient(int step) {
        return new float[] {0.1f * step - 0.3f, 1.0f / (step + 1), -7 + step};
    }

    private static Parameter parameter(String name, float... values) {
        return new Parameter(name, Tensor.of(values), DType.F32);
    }

    private static AdamW adam(Parameter parameter) {
        return new AdamW(List.of(parameter), new AdamWSettings(0.9, 0.99, 1e-8, 0), AdamW.everyParameter());
    }

    private static void take(AdamW adam, double rate, Parameter parameter, float... gradient) {
        parameter.clearGradient();
        parameter.accumulate(Tensor.of(gradient));
        adam.step(rate, 1);
    }

    private static Map<String, Tensor> copied(Map<String, Tensor> state) {
        Map<String, Tensor> copy = new LinkedHashMap<>();
        state.forEach((name, tensor) -> copy.put(name, tensor.copy()));
        return copy;
    }

    private static void assertClose(Tensor actual, float[] expected) {
        float[] values = actual.toFloats();
        assertThat(values).hasSameSizeAs(expected);
        for (int i = 0; i < expected.length; i++) {
            assertThat(values[i]).as("element %d", i).isCloseTo(expected[i], within(1e-6f * Math.abs(expected[i])));
        }
    }
}
