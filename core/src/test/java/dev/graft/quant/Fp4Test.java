package dev.graft.quant;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class Fp4Test extends QuantFormatContract {
    @Override
    QuantFormat format() {
        return new Fp4(128, false);
    }

    @Override
    double largestError() {
        return 1 / 6.0 + 1e-6; // half of the step from 2/3 to 1
    }

    @Override
    double codeBits() {
        return 4;
    }

    @Test
    void aBlockSizeBitsandbytesDoesNotHaveIsRefused() {
        assertThatThrownBy(() -> new Fp4(16, true)).hasMessageContaining("fp4 in blocks of 16");
    }
}
