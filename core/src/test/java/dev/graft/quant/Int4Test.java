package dev.graft.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Tensor;
import org.junit.jupiter.api.Test;

class Int4Test extends QuantFormatContract {
    @Override
    QuantFormat format() {
        return new Int4();
    }

    @Override
    double largestError() {
        return 1 / 14.0 + 1e-6; // half of a step of 1/7
    }

    @Override
    double codeBits() {
        return 4;
    }

    @Test
    void stepsAreSeventhsOfTheLargestMagnitude() {
        // 14 is the largest, so a step is 2: −14, −5.1, 0.9, 7.2 and 14 lie nearest to −7, −3, 0, 4 and 7 of them;
        // what fills the last byte is zero
        try (Quantised packed = format().quantise(Tensor.of(new float[] {-14, -5.1f, 0.9f, 7.2f, 14}, 1, 5))) {
            assertThat(packed.parts().get("").toLongs()).containsExactly(0x15, 0x8c, 0xf8);
            assertThat(packed.unpacked(DType.F32, Device.cpu()).toFloats())
                    .usingElementComparator((a, b) -> Math.abs(a - b) < 1e-5 ? 0 : Float.compare(a, b))
                    .containsExactly(-14, -6, 0, 8, 14);
        }
    }

    @Test
    void aBlockSizeOutsideTheListIsRefused() {
        assertThatThrownBy(() -> new Int4(48)).hasMessageContaining("int4 in blocks of 48");
    }
}
