package dev.graft.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import dev.graft.tensor.Torch;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Both bodies give the same bytes, and the ones one can work out by hand.
class QuantKernelsTest {
    private static final int[] SIZES = {1, 2, 7, 31, 32, 33, 64, 65, 191, 1000, 40_001};

    /// Sixteen values an eighth apart, from −7/8 to 1.
    private static final Codebook EIGHTHS = evenly(16);
    private static final Codebook FINE = evenly(256);

    private final Random random = new Random(3);
    private final int threads = Torch.threads();
    private Scope scope;

    record Case(Codebook book, DType type, int block, int size) {
        @Override
        public String toString() {
            return "%d bits %s blocks of %d, %d numbers".formatted(book.bits(), type, block, size);
        }
    }

    static Stream<Case> cases() {
        return Stream.of(EIGHTHS, FINE)
                .flatMap(book -> Stream.of(DType.F32, DType.BF16, DType.F16)
                        .flatMap(type -> IntStream.of(SIZES)
                                .mapToObj(size -> new Case(book, type, size % 2 == 0 ? 64 : 32, size))));
    }

    static Codebook evenly(int count) {
        float[] values = new float[count];
        float[] thresholds = new float[count - 1];
        for (int i = 0; i < count; i++) {
            values[i] = (2f * i + 2 - count) / count;
            if (i > 0) {
                thresholds[i - 1] = (values[i - 1] + values[i]) / 2;
            }
        }
        return Codebook.sorted(values, thresholds);
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

    @Test
    void aBlockKeepsItsLargestMagnitudeAndTheNearestEighths() {
        // divided by 2: 0.5, −1, 0.26, 1, 0; the code of 0 is 7 and an eighth further is one more, −1 has none of its
        // own
        Tensor x = Tensor.of(new float[] {1, -2, 0.52f, 2, 0});
        Tensor codes = Tensor.empty(DType.U8, Device.cpu(), 3);
        Tensor absmax = Tensor.empty(DType.F32, Device.cpu(), 1);
        Tensor y = Tensor.empty(DType.F32, Device.cpu(), 5);
        QuantKernels kernels = QuantKernels.of(Device.cpu());
        kernels.quantiseBlocks(x, EIGHTHS, 32, codes, absmax);
        assertThat(absmax.toFloats()).containsExactly(2);
        assertThat(bytes(codes)).containsExactly(0xb0, 0x9f, 0x77); // the last half is filled with the code of zero
        kernels.dequantiseBlocks(codes, absmax, EIGHTHS, 32, y);
        assertThat(y.toFloats()).containsExactly(1, -1.75f, 0.5f, 2, 0);
    }

    /// More blocks than a thread takes at once, and the last one cut short.
    @Test
    void packedScalesAreUnpackedWithTheNumbersTheyAreOf() {
        int block = 32;
        int size = 3 * 512 * block + 7;
        int blocks = size / block + 1;
        QuantKernels vector = QuantKernels.of(Device.cpu());
        Tensor x = numbers(DType.F32, size);
        Tensor codes = Tensor.empty(DType.U8, Device.cpu(), EIGHTHS.bytes(size));
        Tensor absmax = Tensor.empty(DType.F32, Device.cpu(), blocks);
        vector.quantiseBlocks(x, EIGHTHS, block, codes, absmax);
        Tensor scaleCodes = Tensor.empty(DType.U8, Device.cpu(), blocks);
        Tensor scaleAbsmax = Tensor.empty(DType.F32, Device.cpu(), Math.ceilDiv(blocks, 256));
        vector.quantiseBlocks(absmax, DynamicMap.SIGNED, 256, scaleCodes, scaleAbsmax);
        var scales = new RowProducts.Scales.Nested(scaleCodes, scaleAbsmax, DynamicMap.SIGNED, 256, 0.25f);

        Tensor unpackedScales = Tensor.empty(DType.F32, Device.cpu(), blocks);
        vector.dequantiseBlocks(scaleCodes, scaleAbsmax, DynamicMap.SIGNED, 256, unpackedScales);
        unpackedScales.addInPlace(Tensor.of(new float[] {0.25f}));
        for (DType type : List.of(DType.F32, DType.BF16)) {
            Tensor expected = Tensor.empty(type, Device.cpu(), size);
            vector.dequantiseBlocks(codes, unpackedScales, EIGHTHS, block, expected);
            for (QuantKernels kernels : List.of(vector, PlainQuantKernels.INSTANCE)) {
                Tensor y = Tensor.empty(type, Device.cpu(), size);
                kernels.dequantiseBlocks(codes, scales, EIGHTHS, block, y);
                assertThat(bytes(y)).isEqualTo(bytes(expected));
                assertThatThrownBy(() -> kernels.dequantiseBlocks(scaleCodes, scales, DynamicMap.SIGNED, 32, y))
                        .hasMessageContaining("expected scales in float32");
            }
        }
    }

    @Test
    void rowsAreRoundedToTheNearestEvenStep() {
        // steps of 1/127: 127, −127, 2.5, 3.5, −2.5
        float step = 1f;
        Tensor x = Tensor.of(new float[] {127 * step, -127, 2.5f, 3.5f, -2.5f, 0, 0, 0, 0, 0}, 2, 5);
        Tensor codes = Tensor.empty(DType.I8, Device.cpu(), 2, 5);
        Tensor absmax = Tensor.empty(DType.F32, Device.cpu(), 2);
        QuantKernels.of(Device.cpu()).quantiseRows(x, codes, absmax);
        assertThat(codes.toLongs()).containsExactly(127, -127, 2, 4, -2, 0, 0, 0, 0, 0);
        assertThat(absmax.toFloats()).containsExactly(127, 0);
    }

    @ParameterizedTest
    @MethodSource("cases")
    void bothBodiesGiveTheSameBytesWithOneThreadAndWithTwo(Case c) {
        Tensor x = numbers(c.type, c.size);
        Packed plain = pack(PlainQuantKernels.INSTANCE, x, c);
        for (int count : new int[] {1, 2}) {
            Torch.setThreads(count);
            Packed fast = pack(VectorQuantKernels.INSTANCE, x, c);
            assertThat(bytes(fast.codes)).isEqualTo(bytes(plain.codes));
            assertThat(bytes(fast.absmax)).isEqualTo(bytes(plain.absmax));
            for (DType type : new DType[] {DType.F32, DType.BF16}) {
                assertThat(bytes(unpack(VectorQuantKernels.INSTANCE, plain, type, c)))
                        .isEqualTo(bytes(unpack(PlainQuantKernels.INSTANCE, plain, type, c)));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("cases")
    void bothBodiesPackRowsAlike(Case c) {
        Tensor x = numbers(c.type, 3 * c.size).view(3, c.size);
        Packed plain = packRows(PlainQuantKernels.INSTANCE, x);
        Torch.setThreads(2);
        Packed fast = packRows(VectorQuantKernels.INSTANCE, x);
        assertThat(bytes(fast.codes)).isEqualTo(bytes(plain.codes));
        assertThat(bytes(fast.absmax)).isEqualTo(bytes(plain.absmax));
        for (DType type : new DType[] {DType.F32, DType.BF16}) {
            Tensor a = Tensor.empty(type, Device.cpu(), 3, c.size);
            Tensor b = Tensor.empty(type, Device.cpu(), 3, c.size);
            PlainQuantKernels.INSTANCE.dequantiseRows(plain.codes, plain.absmax, a);
            VectorQuantKernels.INSTANCE.dequantiseRows(plain.codes, plain.absmax, b);
            assertThat(bytes(b)).isEqualTo(bytes(a));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 7, 255, 256, 257, 1000, 4098, 100_001})
    void bothBodiesTakeTheSameStepsOnMomentsWithOneThreadAndWithTwo(int size) {
        float[] awkward = {0, -0f, Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, 1e-30f, -1e-30f, 1e10f};
        Kernels.AdamW settings = new Kernels.AdamW(0.01, 0.9, 0.999, 1e-8, 0.1);
        Tensor start = numbers(DType.F32, size);
        Tensor plainP = start.copy();
        QuantKernels.Moments plain = moments(size);
        for (int step = 1; step <= 3; step++) {
            Tensor gradient = numbers(DType.F32, size);
            for (int i = step; i < size; i += 97) {
                gradient.narrow(0, i, 1).fillInPlace(awkward[i % awkward.length]);
            }
            Tensor before = plainP.copy();
            QuantKernels.Moments kept = copy(plain);
            PlainQuantKernels.INSTANCE.adamWInPlace(plainP, gradient, plain, settings, step, 0.5);
            for (int count : new int[] {1, 2}) {
                Torch.setThreads(count);
                Tensor p = before.copy();
                QuantKernels.Moments fast = copy(kept);
                VectorQuantKernels.INSTANCE.adamWInPlace(p, gradient, fast, settings, step, 0.5);
                assertThat(bytes(p)).isEqualTo(bytes(plainP));
                assertThat(bytes(fast.m())).isEqualTo(bytes(plain.m()));
                assertThat(bytes(fast.mAbsmax())).isEqualTo(bytes(plain.mAbsmax()));
                assertThat(bytes(fast.v())).isEqualTo(bytes(plain.v()));
                assertThat(bytes(fast.vAbsmax())).isEqualTo(bytes(plain.vAbsmax()));
            }
        }
        assertThat(plainP.allFinite()).isTrue();
    }

    private static QuantKernels.Moments moments(int size) {
        int blocks = (size + 255) / 256;
        return new QuantKernels.Moments(
                Tensor.zeros(DType.U8, Device.cpu(), size),
                Tensor.zeros(DType.F32, Device.cpu(), blocks),
                Tensor.zeros(DType.U8, Device.cpu(), size),
                Tensor.zeros(DType.F32, Device.cpu(), blocks));
    }

    private static QuantKernels.Moments copy(QuantKernels.Moments of) {
        return new QuantKernels.Moments(
                of.m().copy(), of.mAbsmax().copy(), of.v().copy(), of.vAbsmax().copy());
    }

    @Test
    void whatDoesNotFitIsRefusedBeforeMemoryIsTouched() {
        Tensor x = numbers(DType.F32, 65);
        Tensor codes = Tensor.empty(DType.U8, Device.cpu(), 32);
        Tensor absmax = Tensor.empty(DType.F32, Device.cpu(), 2);
        assertThatThrownBy(() -> QuantKernels.of(Device.cpu()).quantiseBlocks(x, EIGHTHS, 64, codes, absmax))
                .hasMessageContaining("codes")
                .hasMessageContaining("33 elements of U8");
        assertThatThrownBy(() -> QuantKernels.of(Device.cpu()).quantiseBlocks(x, EIGHTHS, 33, codes, absmax))
                .hasMessageContaining("blocks of 33");
        assertThatThrownBy(() -> Codebook.sorted(new float[16], new float[15])).hasMessageContaining("ascend");
    }

    private record Packed(Tensor codes, Tensor absmax) {}

    private static Packed pack(QuantKernels kernels, Tensor x, Case c) {
        Tensor codes = Tensor.empty(DType.U8, Device.cpu(), c.book.bytes(c.size));
        Tensor absmax = Tensor.empty(DType.F32, Device.cpu(), (c.size + c.block - 1) / c.block);
        kernels.quantiseBlocks(x, c.book, c.block, codes, absmax);
        return new Packed(codes, absmax);
    }

    private static Packed packRows(QuantKernels kernels, Tensor x) {
        Tensor codes = Tensor.empty(DType.I8, Device.cpu(), x.shape());
        Tensor absmax = Tensor.empty(DType.F32, Device.cpu(), x.size(0));
        kernels.quantiseRows(x, codes, absmax);
        return new Packed(codes, absmax);
    }

    private static Tensor unpack(QuantKernels kernels, Packed packed, DType type, Case c) {
        Tensor y = Tensor.empty(type, Device.cpu(), c.size);
        kernels.dequantiseBlocks(packed.codes, packed.absmax, c.book, c.block, y);
        return y;
    }

    /// Normal numbers with a stretch of zeros, longer than a block where there is room.
    private Tensor numbers(DType type, int count) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = i >= 128 && i < 200 ? 0 : (float) random.nextGaussian() * (1 + i % 3);
        }
        return Tensor.of(values).to(type);
    }

    private static byte[] bytes(Tensor tensor) {
        return tensor.memory().toArray(ValueLayout.JAVA_BYTE);
    }
}
