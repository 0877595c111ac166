package dev.graft.autograd;

import static org.assertj.core.api.Assertions.assertThat;

import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Packed;
import dev.graft.tensor.Scratch;
import dev.graft.tensor.Tensor;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Products with a matrix that is unpacked some rows at a time are those with the whole.
class PackedWeightTest extends ScopedTest {
    private static final int OUT = 23;
    private static final int IN = 6;

    /// Numbers that are not packed at all.
    private record Plain(Tensor values) implements Packed {
        @Override
        public long[] shape() {
            return values.shape();
        }

        @Override
        public long bytes() {
            return values.bytes();
        }

        @Override
        public String formatName() {
            return "plain";
        }

        @Override
        public Packed packedLike(Tensor values) {
            return new Plain(values);
        }

        @Override
        public void unpack(Tensor into) {
            into.copyInPlace(values);
        }

        @Override
        public Optional<Packed> rows(long first, long count) {
            return Optional.of(new Plain(values.narrow(0, first, count)));
        }

        @Override
        public void close() {}
    }

    private static Tensor numbers(int rows, int columns) {
        Random random = new Random(rows);
        float[] values = new float[rows * columns];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return Tensor.of(values, rows, columns);
    }

    private static PackedWeight weight(DType type, Scratch scratch, int rowsAtOnce) {
        return new PackedWeight(new Plain(numbers(OUT, IN)), type, type, Device.cpu(), scratch, rowsAtOnce);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 5, 22, 23})
    void productsAreThoseWithTheWhole(int rowsAtOnce) {
        Tensor w = numbers(OUT, IN);
        Tensor x = numbers(4, IN);
        Tensor dY = numbers(4, OUT);
        try (Scratch scratch = new Scratch();
                PackedWeight weight = weight(DType.F32, scratch, rowsAtOnce)) {
            near(weight.product(x, true), x.mm(w.t()), 1e-5f);
            near(weight.addBackProduct(null, dY), dY.mm(w), 1e-5f);
            near(weight.addBackProduct(x.copy(), dY), x.add(dY.mm(w)), 1e-5f);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 5, 23})
    void theirTypeIsThatOfTheInput(int rowsAtOnce) {
        Tensor w = numbers(OUT, IN);
        Tensor x = numbers(4, IN).to(DType.BF16);
        Tensor dY = numbers(4, OUT).to(DType.BF16);
        try (Scratch scratch = new Scratch();
                PackedWeight weight = weight(DType.BF16, scratch, rowsAtOnce)) {
            Tensor back = weight.addBackProduct(null, dY);
            assertThat(back.dtype()).isEqualTo(DType.BF16);
            near(back, dY.to(DType.F32).mm(w), 0.1f);
            near(weight.product(x, true), x.to(DType.F32).mm(w.t()), 0.1f);
        }
    }

    private static void near(Tensor found, Tensor expected, float difference) {
        assertThat(found.to(DType.F32).toFloats())
                .usingComparatorWithPrecision(difference)
                .containsExactly(expected.toFloats());
    }
}
