package dev.graft.export;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.graft.quant.Nf4;
import dev.graft.quant.Quantised;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class QuantisedAdapterTest {
    private static Tensor random(int seed, int rows, int columns) {
        Random random = new Random(seed);
        float[] values = new float[rows * columns];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return Tensor.of(values, rows, columns);
    }

    /// The error comes from products of the size of the rank; here the whole product is formed.
    @ParameterizedTest
    @CsvSource({"1, 7, 5", "4, 33, 65", "16, 64, 20"})
    void theErrorIsThatOfTheWholeProduct(int rank, int in, int out) {
        try (Scope scope = Scope.open();
                Quantised a = new Nf4(false).quantise(random(1, rank, in));
                Quantised b = new Nf4(false).quantise(random(2, out, rank))) {
            Tensor roundedA = a.unpacked(DType.F32, Device.cpu());
            Tensor roundedB = b.unpacked(DType.F32, Device.cpu());
            Tensor exact = random(2, out, rank).mm(random(1, rank, in));
            double expected = roundedB.mm(roundedA).sub(exact).norm() / exact.norm();
            double error = QuantisedAdapter.productError(random(1, rank, in), random(2, out, rank), roundedA, roundedB);
            assertThat(error).isCloseTo(expected, within(1e-5));
        }
    }
}
