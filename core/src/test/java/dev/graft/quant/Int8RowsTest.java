package dev.graft.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class Int8RowsTest extends QuantFormatContract {
    @Override
    QuantFormat format() {
        return new Int8Rows();
    }

    @Override
    double largestError() {
        return 0.51 / 127 + 0.0005; // half a step, and float16
    }

    @Override
    double codeBits() {
        return 8;
    }

    @Test
    void weightsBeyondFloat16AreRefusedWithAWayOut() {
        Tensor x = Tensor.full(1e5, DType.F32, Device.cpu(), 2, 3);
        assertThatThrownBy(() -> format().quantise(x))
                .hasMessageContaining("100000.0")
                .hasMessageContaining("llm_int8_skip_modules");
    }

    @Test
    void onlyMatricesHaveRows() {
        assertThatThrownBy(() -> format().quantise(Tensor.zeros(DType.F32, Device.cpu(), 5)))
                .hasMessageContaining("[5]");
    }

    @Test
    void productsOfFewRowsAreThoseOfTheSameRowsAmongMany() {
        try (Scope scope = Scope.open();
                Quantised weight = format().quantise(waves(50, 200, 0.3f))) {
            Tensor many = waves(12, 200, 0.7f); // magnitudes of at most 1, so no outliers
            float[] all = weight.product(many).orElseThrow().toFloats();
            float[] three = weight.product(many.narrow(0, 0, 3)).orElseThrow().toFloats();
            assertThat(three).containsExactly(Arrays.copyOf(all, 3 * 50));
        }
    }

    private static Tensor waves(int rows, int columns, float step) {
        float[] values = new float[rows * columns];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) Math.sin(step * i);
        }
        return Tensor.of(values, rows, columns);
    }
}
