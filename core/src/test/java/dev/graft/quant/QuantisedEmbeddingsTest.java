package dev.graft.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.graft.autograd.PackedWeight;
import dev.graft.autograd.Tape;
import dev.graft.autograd.Weight;
import dev.graft.model.Architectures;
import dev.graft.model.LanguageModel;
import dev.graft.nn.LinearFactory;
import dev.graft.nn.TokenRun;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Packed;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Scratch;
import dev.graft.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// Tables in few bits: rows by themselves are the rows of the whole, and products some rows at a time those
/// of the whole.
class QuantisedEmbeddingsTest {
    private static final String CONFIG = """
            {"model_type": "llama", "hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 2,
             "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 100, "tie_word_embeddings": %s,
             "max_position_embeddings": 64, "rms_norm_eps": 1e-6, "initializer_range": 0.1}
            """;

    private final Random random = new Random(5);
    private Scope scope;

    @TempDir
    private Path temporary;

    @BeforeEach
    void open() {
        scope = Scope.open();
    }

    @AfterEach
    void close() {
        scope.close();
    }

    static Stream<Arguments> formats() {
        Function<Tensor, Packed> int8 = Int8Table::of;
        Function<Tensor, Packed> nf4 = new Nf4(false)::quantise;
        Function<Tensor, Packed> nested = new Nf4(true)::quantise;
        Function<Tensor, Packed> fp4 = new Fp4(true)::quantise;
        return Stream.of(
                Arguments.of("int8", int8),
                Arguments.of("nf4", nf4),
                Arguments.of("nf4-double", nested),
                Arguments.of("fp4-double", fp4));
    }

    private Tensor numbers(int rows, int columns) {
        float[] values = new float[rows * columns];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return Tensor.of(values, rows, columns);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("formats")
    void someRowsUnpackToWhatTheyAreInTheWhole(String name, Function<Tensor, Packed> format) {
        try (Packed packed = format.apply(numbers(300, 192))) {
            Tensor whole = packed.unpacked(DType.F32, Device.cpu());
            // 3 blocks a row: the scales of row 256 begin a block of nested scales, those of 5 do not
            for (long[] part : new long[][] {{0, 300}, {0, 1}, {5, 7}, {256, 44}, {299, 1}}) {
                Packed rows = packed.rows(part[0], part[1]).orElseThrow();
                assertThat(rows.shape()).containsExactly(part[1], 192);
                assertThat(rows.unpacked(DType.F32, Device.cpu()).toFloats())
                        .containsExactly(
                                whole.narrow(0, part[0], part[1]).contiguous().toFloats());
            }
            Tensor index = Tensor.of(new int[] {7, 299, 0, 7});
            assertThat(packed.rows(index)
                            .orElseThrow()
                            .unpacked(DType.F32, Device.cpu())
                            .toFloats())
                    .containsExactly(whole.indexSelect(0, index).toFloats());
        }
    }

    @Test
    void rowsThatShareABlockAreNotUnpackedApart() {
        Packed packed = new Nf4(false).quantise(numbers(5, 48));
        try (Scratch scratch = new Scratch();
                PackedWeight weight = new PackedWeight(packed, DType.F32, Device.cpu(), scratch)) {
            Tensor index = Tensor.of(new int[] {4, 1});
            assertThat(packed.rows(0, 1)).isEmpty();
            assertThat(packed.rows(index)).isEmpty();
            assertThat(weight.rows(index).toFloats())
                    .containsExactly(weight.value().indexSelect(0, index).toFloats());
        }
    }

    @Test
    void aSharedTableServesBothEndsOfTheModel() throws IOException {
        int[] ids = {3, 99, 0, 41};
        int[] rows = {0, 1, 2};
        int[] targets = {99, 0, 41};
        try (LanguageModel plain = model(true, LinearFactory.frozen());
                LanguageModel packed = model(true, QuantisedEmbeddings.int8(LinearFactory.frozen()));
                Tape tape = Tape.silent(Device.cpu())) {
            assertThat(packed.head().weight()).isInstanceOf(PackedWeight.class);
            Tensor hidden = packed.hidden(tape, TokenRun.document(ids)).data();
            Tensor expected = plain.hidden(tape, TokenRun.document(ids)).data();
            // a weight is off by half of 1/127 of its row's largest
            assertThat(hidden.toFloats()).usingComparatorWithPrecision(0.1f).containsExactly(expected.toFloats());
            assertThat(hidden.toFloats()).isNotEqualTo(expected.toFloats());
            float[] scores =
                    packed.score(tape, hidden, rows, targets).logProbs().toFloats();
            float[] logits = packed.logits(hidden).toFloats();
            for (int i = 0; i < rows.length; i++) {
                assertThat(scores[i]).isCloseTo(logProb(logits, i, targets[i]), within(1e-3f));
            }
        }
    }

    private static float logProb(float[] logits, int row, int target) {
        double sum = 0;
        for (int id = 0; id < 100; id++) {
            sum += Math.exp(logits[100 * row + id]);
        }
        return (float) (logits[100 * row + target] - Math.log(sum));
    }

    @Test
    void aHeadOfItsOwnStaysAsItIs() throws IOException {
        try (LanguageModel packed = model(false, QuantisedEmbeddings.of(LinearFactory.frozen(), new Nf4(true)))) {
            assertThat(packed.head().weight()).isInstanceOf(Weight.Frozen.class);
        }
    }

    @Test
    void anInt8HeadOverAPackedTableIsThatTable() throws IOException {
        LinearFactory factory = new Int8Head(QuantisedEmbeddings.of(LinearFactory.frozen(), new Nf4(false)));
        try (LanguageModel packed = model(true, factory)) {
            PackedWeight head = (PackedWeight) packed.head().weight();
            assertThat(((Quantised) head.packed()).format()).isEqualTo(new Nf4(false));
        }
    }

    private LanguageModel model(boolean tied, LinearFactory factory) throws IOException {
        Files.writeString(temporary.resolve("config.json"), CONFIG.formatted(tied));
        return Architectures.random(temporary, factory, Device.cpu(), DType.F32, 3);
    }
}
