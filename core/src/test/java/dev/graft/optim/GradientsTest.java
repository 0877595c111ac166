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
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class GradientsTest {
    @Test
    void clippingIsThatOfPyTorch() {
        for (JsonNode example : Goldens.json("clip.json").get("examples")) {
            try (Scope scope = Scope.open()) {
                List<Parameter> parameters = new ArrayList<>();
                for (JsonNode gradient : example.get("gradients")) {
                    parameters.add(withGradient("p" + parameters.size(), Goldens.floats(gradient)));
                }
                double norm = Gradients.norm(parameters);
                double expected = example.get("norm_before").asDouble();
                assertThat(norm).isCloseTo(expected, within(1e-6 * expected));

                double factor =
                        Gradients.clipFactor(norm, example.get("max_norm").asDouble());
                for (int i = 0; i < parameters.size(); i++) {
                    float[] clipped = parameters.get(i).gradient().mul(factor).toFloats();
                    float[] golden = Goldens.floats(example.get("clipped").get(i));
                    for (int j = 0; j < golden.length; j++) {
                        assertThat(clipped[j]).isCloseTo(golden[j], within(1e-6f * Math.abs(golden[j])));
                    }
                }
                parameters.forEach(Parameter::close);
            }
        }
    }

    @Test
    void normOfManySmallNumbersDoesNotDrift() {
        // 5,000,000 times 1e-3: norm 1e-3 · √5e6; a float32 running sum of the squares would stop growing
        int count = 5_000_000;
        try (Scope scope = Scope.open()) {
            float[] values = new float[count];
            Arrays.fill(values, 1e-3f);
            Parameter parameter = withGradient("p", values);
            assertThat(Gradients.norm(List.of(parameter))).isCloseTo(1e-3f * Math.sqrt(count), within(1e-9));
            parameter.close();
        }
    }

    @Test
    void parametersWithoutGradientDoNotCount() {
        try (Scope scope = Scope.open()) {
            Parameter reached = withGradient("reached", 3, 4);
            Parameter untouched = withGradient("untouched", 100);
            untouched.clearGradient();
            assertThat(Gradients.norm(List.of(reached, untouched))).isEqualTo(5);
            assertThat(Gradients.norm(List.of(untouched))).isZero();
            Gradients.clear(List.of(reached));
            assertThat(reached.hasGradient()).isFalse();
            reached.close();
            untouched.close();
        }
    }

    @Test
    void normBelowTheLimitLeavesGradientsAlone() {
        assertThat(Gradients.clipFactor(0.5, 1)).isEqualTo(1);
        assertThat(Gradients.clipFactor(1e30, Double.POSITIVE_INFINITY)).isEqualTo(1);
        assertThat(Gradients.clipFactor(4, 1)).isCloseTo(0.25, within(1e-6));
    }

    @Test
    void normThatIsNoNumberIsRefused() {
        assertThatThrownBy(() -> Gradients.clipFactor(Double.NaN, 1))
                .hasMessageContaining("NaN")
                .hasMessageContaining("learning rate");
        assertThatThrownBy(() -> Gradients.clipFactor(1, 0)).hasMessageContaining("more than 0");
    }

    static Parameter withGradient(String name, float... gradient) {
        Parameter parameter = new Parameter(name, Tensor.of(new float[gradient.length]), DType.F32);
        parameter.accumulate(Tensor.of(gradient));
        return parameter;
    }
}
