package dev.graft.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.Goldens;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Tensor;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class AffineInt8Test extends QuantFormatContract {
    @Override
    QuantFormat format() {
        return new AffineInt8();
    }

    @Override
    double largestError() {
        return 1.01 / 255; // half a step; a step is at most 2/255 of the largest magnitude
    }

    @Override
    double codeBits() {
        return 8;
    }

    @Test
    void rangeBecomes256StepsWithZeroAmongThem() {
        // −1 … 3 in 255 steps of 4/255; −1 is 63.75 of them below zero, so zero is code −128 + 64
        Tensor x = Tensor.of(new float[] {-1, 0, 1, 3}, 1, 4);
        try (Quantised packed = format().quantise(x)) {
            assertThat(packed.parts().get(".scale").toFloats()).containsExactly(4f / 255);
            assertThat(packed.parts().get(".zero_point").toLongs()).containsExactly(-64);
            assertThat(packed.parts().get("").toLongs()).containsExactly(-128, -64, 0, 127);
            float[] back = packed.unpacked(DType.F32, Device.cpu()).toFloats();
            assertThat(back[1]).isZero();
            assertThat((double) back[2]).isCloseTo(64 * 4.0 / 255, within(1e-6));
        }
    }

    @Test
    void symmetricRangesKeepZeroAtZero() {
        try (Quantised packed =
                new AffineInt8(false, true, new Calibration.MinMax()).quantise(Tensor.of(new float[] {-1, 0, 1, 3}))) {
            assertThat(packed.parts().get(".scale").toFloats()).containsExactly(3f / 127);
            assertThat(packed.parts().get(".zero_point").toLongs()).containsExactly(0);
            assertThat(packed.parts().get("").toLongs()).containsExactly(-42, 0, 42, 127);
        }
    }

    @Test
    void codesScalesAndZeroPointsAreTorchs() {
        // scripts/goldens_quant.py: MinMaxObserver, PerChannelMinMaxObserver, quantize_per_tensor, quantize_per_channel
        JsonNode affine = Goldens.json("quant/formats.json").get("affine");
        float[] values = new float[affine.get("input").size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) affine.get("input").get(i).asDouble();
        }
        for (String kind : new String[] {"per_tensor", "per_row"}) {
            JsonNode expected = affine.get(kind);
            Tensor x = Tensor.of(values, 6, values.length / 6);
            boolean perRow = kind.equals("per_row");
            try (Quantised packed = new AffineInt8(perRow, false, new Calibration.MinMax()).quantise(x)) {
                assertThat(packed.parts().get("").toLongs()).isEqualTo(longs(expected.get("codes")));
                assertThat(packed.parts().get(".zero_point").toLongs()).isEqualTo(longs(expected.get("zero_point")));
                float[] scales = packed.parts().get(".scale").toFloats();
                for (int i = 0; i < scales.length; i++) {
                    assertThat((double) scales[i])
                            .isEqualTo(expected.get("scale").get(i).asDouble());
                }
            }
        }
    }

    private static long[] longs(JsonNode array) {
        return IntStream.of(Goldens.ints(array)).asLongStream().toArray();
    }

    @Test
    void onlyMatricesHaveRows() {
        assertThatThrownBy(() -> format().quantise(Tensor.zeros(DType.F32, Device.cpu(), 5)))
                .hasMessageContaining("[5]");
    }
}
