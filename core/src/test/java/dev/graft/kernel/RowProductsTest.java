package dev.graft.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.graft.kernel.Kernels.Ranges;
import dev.graft.kernel.Kernels.Scoring;
import dev.graft.kernel.RowProducts.Scales;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import dev.graft.tensor.Torch;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Random;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/// Both bodies give the product of the unpacked matrix, with any number of threads.
class RowProductsTest {
    private static final Codebook EIGHTHS = QuantKernelsTest.evenly(16);
    private static final Codebook FINE = QuantKernelsTest.evenly(256);

    private final Random random = new Random(5);
    private final int threads = Torch.threads();
    private Scope scope;

    /// @param rows of activations
    record Case(int rows, int in, int out, int block, DType type) {}

    static Stream<Case> cases() {
        int[][] shapes = {
            {1, 1, 32},
            {2, 2, 64},
            {7, 3, 32},
            {31, 5, 64},
            {64, 1, 64},
            {65, 9, 64},
            {96, 40, 32},
            {128, 33, 128},
            {192, 50, 64},
            {200, 20, 64},
            {1000, 7, 64},
            {1024, 70, 64},
            {4096, 17, 4096}
        };
        return Stream.of(shapes)
                .flatMap(s -> IntStream.of(1, 6)
                        .mapToObj(rows -> new Case(rows, s[0], s[1], s[2], s[1] % 2 == 0 ? DType.F32 : DType.BF16)));
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
    @MethodSource("cases")
    void blocksGiveTheProductOfTheUnpackedMatrix(Case c) {
        Tensor x = normal(c.rows, c.in).to(c.type);
        long elements = (long) c.in * c.out;
        Tensor codes = Tensor.empty(DType.U8, Device.cpu(), EIGHTHS.bytes(elements));
        Tensor absmax = Tensor.empty(DType.F32, Device.cpu(), Math.ceilDiv(elements, c.block));
        PlainQuantKernels.INSTANCE.quantiseBlocks(normal(c.out, c.in), EIGHTHS, c.block, codes, absmax);
        compare(c, x, kernels -> kernels.blocks(x, codes, EIGHTHS, c.block, new Scales.Plain(absmax), c.out));

        Tensor packed = Tensor.empty(DType.U8, Device.cpu(), absmax.elements());
        Tensor outer = Tensor.empty(DType.F32, Device.cpu(), Math.ceilDiv(absmax.elements(), 256));
        PlainQuantKernels.INSTANCE.quantiseBlocks(absmax, FINE, 256, packed, outer);
        Scales nested = new Scales.Nested(packed, outer, FINE, 256, 0.125f);
        compare(c, x, kernels -> kernels.blocks(x, codes, EIGHTHS, c.block, nested, c.out));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void bytesGiveTheSumOfTheProductsWithTheCodes(Case c) {
        Tensor codes = whole(c.out, c.in);
        Tensor x = normal(c.rows, c.in).to(c.type);
        compare(c, x, kernels -> kernels.bytes(x, codes));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void halvesGiveTheProduct(Case c) {
        Tensor matrix = normal(c.out, c.in).to(DType.BF16);
        Tensor x = normal(c.rows, c.in).to(c.type);
        compare(c, x, kernels -> kernels.halves(x, matrix));
    }

    /// heads, key heads, tokens, keys, width of a head
    @ParameterizedTest
    @CsvSource({"1,1,1,1,1", "2,1,1,3,8", "4,2,3,7,33", "14,2,1,130,64", "6,3,5,64,16", "2,2,8,515,40", "8,1,2,9,128"})
    void attentionIsTheSoftmaxOfEachQueryOverItsRange(int heads, int keyHeads, int tokens, int keys, int headDim) {
        int[] first = random.ints(tokens, 0, keys).toArray();
        int[] end =
                IntStream.of(first).map(from -> random.nextInt(from, keys) + 1).toArray();
        Ranges ranges = new Ranges(first, end);
        for (DType type : List.of(DType.F32, DType.BF16)) {
            Tensor q =
                    normal(heads * tokens, headDim).view(heads, tokens, headDim).to(type);
            Tensor k = normal(keyHeads * keys, headDim)
                    .view(keyHeads, keys, headDim)
                    .to(type);
            Tensor v = normal(keyHeads * keys, headDim)
                    .view(keyHeads, keys, headDim)
                    .to(type);
            for (Scoring scoring : List.of(Scoring.scaled(1 / Math.sqrt(headDim)), new Scoring(0.5, 3))) {
                Case c = new Case(tokens, headDim, heads * headDim, 1, type);
                compare(c, q, kernels -> kernels.attention(q, k, v, ranges, scoring));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("cases")
    void wholeNumbersAreAddedUpExactly(Case c) {
        Tensor codes = whole(c.out, c.in);
        Tensor x = whole(c.rows, c.in);
        assertThat(bits(VectorRowProducts.INSTANCE.bytes(x, codes)))
                .isEqualTo(bits(PlainRowProducts.INSTANCE.bytes(x, codes)));
    }

    @Test
    void theLongestSumOfTheLargestNumbersIsExact() {
        int n = RowProducts.exactColumns();
        Tensor largest = Tensor.full(127, DType.I8, Device.cpu(), 1, n);
        for (RowProducts kernels : new RowProducts[] {PlainRowProducts.INSTANCE, VectorRowProducts.INSTANCE}) {
            assertThat(kernels.bytes(largest, largest).item()).isEqualTo(127.0 * 127 * n);
        }
    }

    @Test
    void whatDoesNotFitIsRefusedBeforeMemoryIsTouched() {
        RowProducts kernels = RowProducts.of(Device.cpu());
        Tensor x = normal(1, 64);
        Tensor codes = Tensor.zeros(DType.U8, Device.cpu(), 63);
        Tensor absmax = Tensor.zeros(DType.F32, Device.cpu(), 2);
        assertThatThrownBy(() -> kernels.blocks(x, codes, EIGHTHS, 64, new Scales.Plain(absmax), 2))
                .hasMessageContaining("codes")
                .hasMessageContaining("64 elements of U8");
        int most = RowProducts.exactColumns();
        assertThatThrownBy(() -> kernels.bytes(whole(1, most + 1), whole(1, most + 1)))
                .hasMessageContaining("at most %d columns".formatted(most));
    }

    /// Both bodies agree within the rounding of float32 sums (and of the result), and threads change nothing.
    private void compare(Case c, Tensor x, Function<RowProducts, Tensor> product) {
        Tensor plain = product.apply(PlainRowProducts.INSTANCE);
        Torch.setThreads(1);
        Tensor one = product.apply(VectorRowProducts.INSTANCE);
        Torch.setThreads(2);
        Tensor two = product.apply(VectorRowProducts.INSTANCE);
        assertThat(bits(two)).isEqualTo(bits(one));
        assertThat(one.dtype()).isEqualTo(plain.dtype());
        assertThat(one.shape()).containsExactly(c.rows, c.out);
        float[] expected = plain.toFloats();
        float[] found = one.toFloats();
        float largest = plain.abs().max().to(DType.F32).toFloats()[0];
        double tolerance = (plain.dtype() == DType.BF16 ? 0x1p-8 : 0) * largest + 1e-6 * Math.sqrt(c.in) * largest;
        double worst = 0;
        for (int i = 0; i < expected.length; i++) {
            worst = Math.max(worst, Math.abs(found[i] - expected[i]));
        }
        assertThat(worst).isLessThanOrEqualTo(tolerance + 1e-6);
    }

    private static byte[] bits(Tensor tensor) {
        return tensor.memory().toArray(ValueLayout.JAVA_BYTE);
    }

    private Tensor whole(int rows, int columns) {
        float[] values = new float[rows * columns];
        for (int i = 0; i < values.length; i++) {
            values[i] = random.nextInt(-127, 128);
        }
        return Tensor.of(values, rows, columns).to(DType.I8);
    }

    private Tensor normal(int rows, int columns) {
        float[] values = new float[rows * columns];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return Tensor.of(values, rows, columns);
    }
}
