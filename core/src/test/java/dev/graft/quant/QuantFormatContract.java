package dev.graft.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.LiveTensors;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import dev.graft.tensor.Torch;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/// What every format must do; subclasses add what is special to theirs.
abstract class QuantFormatContract {
    private final int threads = Torch.threads();
    private final Random random = new Random(11);
    private Scope scope;

    abstract QuantFormat format();

    /// The largest error of a number, as a part of the largest magnitude it shares a scale with.
    abstract double largestError();

    /// Bits of a number, without what shapes cost.
    abstract double codeBits();

    /// Numbers the format is made for.
    Tensor numbers(int rows, int columns) {
        float[] values = new float[rows * columns];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return Tensor.of(values, rows, columns);
    }

    @BeforeEach
    void open() {
        scope = Scope.open();
    }

    @AfterEach
    void close() {
        Torch.setThreads(threads);
        scope.close();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 31, 64, 65, 127, 1000})
    void numbersComeBackWithinTheStepOfTheFormat(int columns) {
        Tensor x = numbers(3, columns);
        try (Quantised packed = format().quantise(x)) {
            assertThat(packed.shape()).containsExactly(3, columns);
            assertThat(packed.dtype()).isEqualTo(DType.F32);
            double error =
                    packed.unpacked(DType.F32, Device.cpu()).sub(x).abs().max().item();
            assertThat(error).isLessThanOrEqualTo(largestError() * x.abs().max().item());
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"F32", "BF16", "F16"})
    void everyFloatingTypeIsRememberedAndPackedAsItsValues(DType type) {
        Tensor x = numbers(5, 77).to(type);
        try (Quantised packed = format().quantise(x);
                Quantised wide = format().quantise(x.to(DType.F32))) {
            assertThat(packed.dtype()).isEqualTo(type);
            assertThat(bytes(packed)).isEqualTo(bytes(wide));
        }
    }

    @Test
    void twoThreadsWriteTheBytesOfOne() {
        Tensor x = numbers(300, 257);
        Torch.setThreads(1);
        try (Quantised one = format().quantise(x)) {
            Torch.setThreads(2);
            try (Quantised two = format().quantise(x)) {
                assertThat(bytes(two)).isEqualTo(bytes(one));
                assertThat(two.unpacked(DType.BF16, Device.cpu()).toFloats())
                        .isEqualTo(one.unpacked(DType.BF16, Device.cpu()).toFloats());
            }
        }
    }

    @Test
    void aTransposedViewIsPackedInItsOwnOrder() {
        Tensor x = numbers(8, 96);
        try (Quantised view = format().quantise(x.t());
                Quantised copy = format().quantise(x.t().contiguous())) {
            assertThat(view.shape()).containsExactly(96, 8);
            assertThat(bytes(view)).isEqualTo(bytes(copy));
        }
    }

    @Test
    void zerosStayZeros() {
        try (Quantised packed = format().quantise(Tensor.zeros(DType.BF16, Device.cpu(), 3, 50))) {
            assertThat(packed.unpacked(DType.F32, Device.cpu()).abs().max().item())
                    .isZero();
        }
    }

    @ParameterizedTest
    @ValueSource(doubles = {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY})
    void numbersThatAreNotFiniteAreRefused(double value) {
        Tensor x = numbers(4, 40);
        x.narrow(0, 2, 1).narrow(1, 7, 1).fillInPlace(value);
        assertThatThrownBy(() -> format().quantise(x))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("[4, 40]")
                .hasMessageContaining("not finite");
    }

    @Test
    void whatIsNotFloatingOrEmptyIsRefused() {
        assertThatThrownBy(() -> format().quantise(Tensor.of(new long[] {1, 2}, 1, 2)))
                .hasMessageContaining("F32, BF16 and F16");
        assertThatThrownBy(() -> format().quantise(Tensor.empty(DType.F32, Device.cpu(), 0, 4)))
                .hasMessageContaining("[0, 4]");
    }

    @Test
    void nothingIsLeftBehind() {
        Tensor x = numbers(64, 64);
        long before = LiveTensors.count();
        format().quantise(x).close();
        assertThat(LiveTensors.count()).isEqualTo(before);
    }

    @Test
    void bytesAreThoseOfCodesAndScales() {
        try (Quantised packed = format().quantise(numbers(64, 4096))) {
            assertThat(packed.bytes())
                    .isEqualTo(packed.parts().values().stream()
                            .mapToLong(Tensor::bytes)
                            .sum());
            assertThat(packed.bitsPerWeight()).isBetween(codeBits(), codeBits() + 0.51);
        }
    }

    private static byte[] bytes(Quantised packed) {
        return packed.parts().values().stream()
                .map(part -> part.memory().toArray(ValueLayout.JAVA_BYTE))
                .reduce(new byte[0], (a, b) -> {
                    byte[] both = Arrays.copyOf(a, a.length + b.length);
                    System.arraycopy(b, 0, both, a.length, b.length);
                    return both;
                });
    }
}
