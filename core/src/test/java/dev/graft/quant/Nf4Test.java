package dev.graft.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class Nf4Test extends QuantFormatContract {
    @Override
    QuantFormat format() {
        return new Nf4(true);
    }

    @Override
    double largestError() {
        return 0.16; // half of the widest step, from −1 to −0.696, and what the packed scales lose
    }

    @Override
    double codeBits() {
        return 4;
    }

    @Test
    void aBlockSizeBitsandbytesDoesNotHaveIsRefused() {
        assertThatThrownBy(() -> new Nf4(48, false))
                .hasMessageContaining("nf4 in blocks of 48")
                .hasMessageContaining("[32, 64");
    }

    @Test
    void packedScalesTakeAQuarterOfTheRoom() {
        // a scale for 64 weights: 32 bits, or 8 and a 256th of 32
        try (Quantised plain = new Nf4(false).quantise(numbers(64, 1024));
                Quantised nested = new Nf4(true).quantise(numbers(64, 1024))) {
            assertThat(plain.bitsPerWeight()).isEqualTo(4 + 32.0 / 64);
            assertThat(nested.bitsPerWeight()).isEqualTo(4 + 8.0 / 64 + 32.0 / 64 / 256);
        }
    }
}
