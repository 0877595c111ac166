package dev.graft.quant;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class Dynamic8Test extends QuantFormatContract {
    @Override
    QuantFormat format() {
        return new Dynamic8(256, true);
    }

    @Override
    double largestError() {
        return 0.0142 / 2 + 0.0071; // −1 has no code of its own; the nearest is 0.007 away
    }

    @Override
    double codeBits() {
        return 8;
    }

    @Test
    void aBlockSizeBitsandbytesDoesNotHaveIsRefused() {
        assertThatThrownBy(() -> new Dynamic8(32, true)).hasMessageContaining("dynamic8 in blocks of 32");
    }
}
