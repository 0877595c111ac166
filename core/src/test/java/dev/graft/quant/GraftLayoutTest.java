package dev.graft.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class GraftLayoutTest {
    private Scope scope;
    private Map<String, Tensor> tensors;

    @BeforeEach
    void open() {
        scope = Scope.open();
    }

    @AfterEach
    void close() {
        scope.close();
    }

    private GraftLayout stored(QuantFormat format) {
        try (Quantised packed = format.quantise(Tensor.of(new float[] {1, -2, 3, 0, 0.5f, 4}, 2, 3))) {
            tensors = new LinkedHashMap<>();
            PackedLayout.tensors("p.weight", packed).forEach((name, tensor) -> tensors.put(name, tensor.copy()));
        }
        return new GraftLayout(
                new BitsAndBytes.Stored() {
                    @Override
                    public boolean has(String name) {
                        return tensors.containsKey(name);
                    }

                    @Override
                    public Tensor tensor(String name) {
                        return tensors.get(name);
                    }
                },
                format,
                DType.F32);
    }

    @Test
    void sizesThatOverflowAreASentence() {
        GraftLayout layout = stored(new Int4());
        tensors.put("p.weight.shape", Tensor.of(new long[] {1L << 62, 1L << 62}, 2));
        assertThatThrownBy(() -> layout.read("p.weight"))
                .hasMessageContaining("the shape is [4611686018427387904, 4611686018427387904]");
    }

    @Test
    void scalesThatAreNoMagnitudesAreASentence() {
        GraftLayout blocks = stored(new Int4());
        tensors.put("p.weight.absmax", Tensor.of(new float[] {Float.NaN}));
        assertThatThrownBy(() -> blocks.read("p.weight")).hasMessageContaining("p.weight.absmax holds numbers");
        GraftLayout affine = stored(new AffineInt8());
        tensors.put("p.weight.scale", Tensor.of(new float[] {1, -1}));
        assertThatThrownBy(() -> affine.read("p.weight")).hasMessageContaining("p.weight.scale holds numbers");
    }

    @Test
    void stepsOfTheInputComeInPairs() {
        GraftLayout layout = stored(new AffineInt8());
        tensors.put("p.input_scale", Tensor.of(new float[] {0.25f}));
        assertThatThrownBy(() -> layout.read("p.weight")).hasMessageContaining("p.input_zero_point is missing");
        tensors.put("p.input_zero_point", Tensor.zeros(DType.I8, Device.cpu(), 1));
        try (Quantised read = layout.read("p.weight")) {
            assertThat(read.shape()).containsExactly(2, 3);
        }
    }
}
