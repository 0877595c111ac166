package dev.graft.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.graft.Goldens;
import dev.graft.autograd.PackedWeight;
import dev.graft.format.WeightFiles;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Scratch;
import dev.graft.tensor.Tensor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// LLM.int8()'s products beside bitsandbytes' `MatMul8bitLt` (`scripts/goldens_quant_adapters.py`). Of
/// the 70 columns three
/// hold an input of 6 or more, one of exactly 6; one holds 5.996.
class Int8ProductTest {
    private WeightFiles file;
    private Scope scope;

    @BeforeEach
    void open() {
        file = WeightFiles.openFile(Goldens.path("quant/int8-products.safetensors"));
        scope = Scope.open();
    }

    @AfterEach
    void close() {
        scope.close();
        file.close();
    }

    private Tensor tensor(String name) {
        return file.tensor(name).copy();
    }

    private Quantised weight(double threshold) {
        return new Int8Rows(threshold).quantise(tensor("weight"));
    }

    @ParameterizedTest
    @CsvSource({"1, 6.0", "9, 6.0", "1, 0.0", "9, 0.0"})
    void outlierColumnsAreMultipliedApart(int rows, double threshold) {
        try (Quantised weight = weight(threshold)) {
            assertThat(weight.parts().get("").toFloats())
                    .isEqualTo(tensor("codes").toFloats());
            float[] expected = tensor("%d.%.0f.y".formatted(rows, threshold)).toFloats();
            float[] found = weight.product(tensor(rows + ".x")).orElseThrow().toFloats();
            assertThat(found).containsExactly(expected, within(1e-4f)); // of up to 23, in float32
        }
    }

    /// The first row holds −31.5, which alone makes the steps of its other inputs ten times as large.
    @Test
    void thresholdKeepsTheOtherInputsOfARowExact() {
        Tensor x = tensor("9.x");
        try (Quantised apart = weight(6);
                Quantised together = weight(0)) {
            Tensor exact = x.mm(together.unpacked(DType.F32, Device.cpu()).t()).narrow(0, 0, 1);
            Tensor first = apart.product(x).orElseThrow().narrow(0, 0, 1);
            Tensor second = together.product(x).orElseThrow().narrow(0, 0, 1);
            assertThat(first.sub(exact).norm())
                    .isLessThan(0.3 * second.sub(exact).norm());
        }
    }

    /// While training the product is that with the unpacked weight whatever the threshold, as
    /// bitsandbytes has it on a CPU; the gradient of the input is the same on every device.
    @ParameterizedTest
    @CsvSource({"1, 6.0", "9, 6.0", "1, 0.0", "9, 0.0"})
    void theGradientOfTheInputIsThatOfTheUnpackedWeight(int rows, double threshold) {
        try (Quantised weight = weight(threshold);
                Scratch scratch = new Scratch()) {
            PackedWeight layer = new PackedWeight(weight, DType.F32, Device.cpu(), scratch);
            Tensor x = tensor(rows + ".x");
            float[] forward = layer.product(x, true).toFloats();
            assertThat(forward)
                    .containsExactly(
                            x.mm(weight.unpacked(DType.F32, Device.cpu()).t()).toFloats(), within(1e-5f));
            float[] expected = tensor("%d.%.0f.dx".formatted(rows, threshold)).toFloats();
            float[] found = layer.addBackProduct(null, tensor(rows + ".dy")).toFloats();
            assertThat(found).containsExactly(expected, within(1e-5f));
        }
    }
}
