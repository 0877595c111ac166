package dev.graft.quant;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Tensor;
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
}
