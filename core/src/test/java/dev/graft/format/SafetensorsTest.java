package dev.graft.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.graft.SharedData;
import dev.graft.tensor.DType;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SafetensorsTest {
    /// What we refuse although the Python library reads it: the specification forbids it, or does not
    /// know it.
    private static final Set<String> STRICTER = Set.of(
            " {}",
            "{\"__metadata__\":null}",
            "{\"a\":[\"U8\",[1],[0,1]]}",
            Bytes.header("U8", "[0,9223372036854775808]", "[0,0]"),
            "{\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},"
                    + "\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}");

    @TempDir
    Path directory;

    private Path file;

    @BeforeEach
    void nameFile() {
        file = directory.resolve("a.safetensors");
    }

    @Test
    void metadataEntriesAndBytesAreAsStored() {
        String header = "{\"__metadata__\":{\"format\":\"pt\",\"by\":\"hand\"},\"second\":%s,\"first\":%s} "
                .formatted(Bytes.tensor("U8", "[3]", "[8,11]"), Bytes.tensor("F32", "[1,2]", "[0,8]"));
        try (var weights = opened(Bytes.file(header, 11))) {
            assertThat(weights.metadata()).containsEntry("format", "pt").containsEntry("by", "hand");
            assertThat(weights.entries().keySet()).containsExactly("first", "second");
            var first = weights.entry("first");
            assertThat(first)
                    .isEqualTo(new Safetensors.Entry("first", "F32", Optional.of(DType.F32), new long[] {1, 2}, 0, 8));
            assertThat(first.elements()).isEqualTo(2);
            assertThat(first.bytes()).isEqualTo(8);
            assertThat(Bytes.of(weights.data("first"))).containsExactly(0, 1, 2, 3, 4, 5, 6, 7);
            assertThat(Bytes.of(weights.data("second"))).containsExactly(8, 9, 10);
        }
    }

    /// `verdicts.json` is written by scripts/goldens_safetensors.py.
    @Test
    void verdictsAreThoseOfThePythonLibraryExceptWhereTheSpecificationIsStricter() throws IOException {
        JsonNode cases = new ObjectMapper().readTree(resource("verdicts.json").toFile());
        assertThat(cases).hasSizeGreaterThan(100);
        Set<String> stricter = new TreeSet<>();
        for (JsonNode row : cases) {
            String header = row.get(0).asText();
            boolean python = row.get(2).asBoolean();
            boolean accepted = isValid(Bytes.file(header, row.get(1).asInt()));
            if (python && !accepted) {
                stricter.add(header);
            } else {
                assertThat(accepted).as("%s with %s bytes", header, row.get(1)).isEqualTo(python);
            }
        }
        assertThat(stricter).containsExactlyInAnyOrderElementsOf(STRICTER);
    }

    @Test
    void readsAFileOfThePythonLibrary() {
        try (var weights = Safetensors.open(resource("every_dtype.safetensors"))) {
            assertThat(weights.metadata()).isEqualTo(Map.of("format", "pt"));
            assertThat(weights.entries()).hasSize(14);
            assertThat(weights.entries().values().stream()
                            .map(entry -> entry.dtype().orElseThrow()))
                    .contains(DType.values());
            assertThat(weights.data("b.float64").toArray(ValueLayout.JAVA_DOUBLE_UNALIGNED))
                    .containsExactly(1.5, -2.25, 3.0);
            assertThat(weights.data("a.float32").toArray(ValueLayout.JAVA_FLOAT_UNALIGNED))
                    .containsExactly(1, 2, 3, -0.5f, Float.POSITIVE_INFINITY, 1e-30f);
            // bfloat16 is the upper half of a float: -3.140625 is 0xc0490000
            assertThat(weights.data("c.bfloat16").toArray(ValueLayout.JAVA_SHORT_UNALIGNED))
                    .containsExactly((short) 0x3f80, (short) 0xc049, (short) 0x4380);
            assertThat(Float.float16ToFloat(weights.data("d.float16").get(ValueLayout.JAVA_SHORT_UNALIGNED, 4)))
                    .isEqualTo(65504f);
            assertThat(weights.data("e.int64").toArray(ValueLayout.JAVA_LONG_UNALIGNED))
                    .containsExactly(Long.MIN_VALUE, Long.MAX_VALUE);
            assertThat(weights.data("f.int32").toArray(ValueLayout.JAVA_INT_UNALIGNED))
                    .containsExactly(Integer.MIN_VALUE, 7);
            assertThat(Bytes.of(weights.data("j.bool"))).containsExactly(1, 0, 1);
            assertThat(weights.entry("scalar").shape()).isEmpty();
            assertThat(weights.data("scalar").get(ValueLayout.JAVA_FLOAT_UNALIGNED, 0))
                    .isEqualTo(42f);
            assertThat(weights.entry("empty").shape()).containsExactly(0, 4);
            assertThat(weights.data("empty").byteSize()).isZero();
            assertThat(Bytes.of(weights.data("naïve \"名\" \\ 😀"))).containsExactly(9);
        }
    }

    @Test
    void readsARealModel() {
        Path model = SharedData.file("models/stories260k/hf/model.safetensors");
        try (var weights = Safetensors.open(model)) {
            var embedding = weights.entry("model.embed_tokens.weight");
            assertThat(embedding.shape()).containsExactly(512, 64);
            assertThat(embedding.dtype()).contains(DType.F32);
            float[] values = weights.data(embedding.name()).toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
            assertThat(values).hasSize(512 * 64);
            double sumOfSquares = 0;
            for (float value : values) {
                sumOfSquares += value * value;
            }
            assertThat(sumOfSquares).isFinite().isPositive();
        }
    }

    @Test
    void readsTensorsBeyondTwoGibibytes() throws IOException {
        long bytes = (2L << 30) + 3;
        byte[] header = Bytes.file(Bytes.header("U8", "[%d]".formatted(bytes), "[0,%d]".formatted(bytes)), 0);
        try (var channel = FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.wrap(header));
            channel.write(ByteBuffer.wrap(new byte[] {77}), header.length + bytes - 1); // sparse: takes no space
        }
        try (var weights = Safetensors.open(file)) {
            assertThat(weights.data("a").byteSize()).isEqualTo(bytes);
            assertThat(weights.data("a").get(ValueLayout.JAVA_BYTE, bytes - 1)).isEqualTo((byte) 77);
        }
    }

    @Test
    void fileWithoutTensorsIsValid() {
        try (var weights = opened(Bytes.file("{}", 0))) {
            assertThat(weights.entries()).isEmpty();
        }
    }

    @ParameterizedTest
    @CsvSource({"F8_E4M3,8", "F8_E5M2,8", "F8_E8M0,8", "F4,4", "F6_E2M3,6", "C64,64", "U16,16", "U64,64"})
    void typesWithoutArithmeticAreDescribedButNotRead(String dtype, int bytesOfEight) {
        String header = Bytes.header(dtype, "[2,4]", "[0,%d]".formatted(bytesOfEight));
        try (var weights = opened(Bytes.file(header, bytesOfEight))) {
            assertThat(weights.entry("a").dtypeName()).isEqualTo(dtype);
            assertThat(weights.entry("a").dtype()).isEmpty();
            assertThat(weights.entry("a").elements()).isEqualTo(8);
            assertThatThrownBy(() -> weights.data("a"))
                    .isInstanceOf(FormatException.class)
                    .hasMessageContainingAll(file.toString(), "\"a\"", dtype, "BF16");
        }
    }

    @Test
    void missingTensorIsNamed() {
        try (var weights = opened(Bytes.file("{}", 0))) {
            assertThatThrownBy(() -> weights.data("lm_head.weight"))
                    .isInstanceOf(FormatException.class)
                    .hasMessageContaining("lm_head.weight");
        }
    }

    @Test
    void closedFileSaysSo() {
        var weights = opened(Bytes.file(Bytes.header("U8", "[1]", "[0,1]"), 1));
        weights.close();
        weights.close();
        assertThatThrownBy(() -> weights.data("a"))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("closed");
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1, 3, 99_999_999, 100_000_000, 100_000_001, Integer.MAX_VALUE, Long.MAX_VALUE, -1, -8})
    void headerLengthOutsideTheFileIsRefused(long length) {
        byte[] bytes = ByteBuffer.allocate(10)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(length)
                .put("{}".getBytes(StandardCharsets.US_ASCII))
                .array();
        assertRefused(bytes, Long.toUnsignedString(length), "2 to 2 in a file of 10 bytes");
    }

    @Test
    void headerOverAHundredMegabytesIsRefused() throws IOException {
        try (var channel = FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(0, 100_000_001));
            channel.write(ByteBuffer.wrap(new byte[1]), 200_000_000);
        }
        assertThatThrownBy(() -> Safetensors.open(file))
                .isInstanceOf(FormatException.class)
                .hasMessageContainingAll("100000001", "2 to 100000000");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "[4611686018427387904,4]",
                "[4294967296,4294967296]",
                "[9223372036854775807,9223372036854775807,0]"
            })
    void shapeThatOverflowsIsRefused(String shape) {
        assertRefused(Bytes.file(Bytes.header("U8", shape, "[0,0]"), 0), "overflows 63 bits");
    }

    @Test
    void refusalsSayWhatWasFoundAndExpected() {
        assertRefused(Bytes.file(Bytes.header("F32", "[2]", "[0,4]"), 4), "takes 4 bytes", "F32 [2], which is 64 bits");
        assertRefused(Bytes.file(Bytes.header("U8", "[-1]", "[0,1]"), 1), "shape", "\"-1\"");
        assertRefused(Bytes.file(Bytes.header("U8", "[1]", "[-1,0]"), 1), "data_offsets", "\"-1\"");
        assertRefused(Bytes.file(Bytes.header("U8", "[2]", "[0,2]"), 1), "[0, 2]", "within the 1 bytes");
        assertRefused(Bytes.file(Bytes.header("U8", "[1]", "[1,2]"), 2), "leaves a hole", "at byte 0");
        assertRefused(Bytes.file(Bytes.header("U8", "[1]", "[0,1]"), 2), "2 bytes follow", "take 1");
        assertRefused(Bytes.file(Bytes.header("I7", "[1]", "[0,1]"), 1), "\"I7\"", "F8_E4M3");
        assertRefused(Bytes.file("{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}", 1), "no data_offsets");
        assertRefused(Bytes.file("{\"__metadata__\":{\"n\":1}}", 0), "__metadata__.n", "a whole number", "a string");
        assertRefused(Bytes.file("{} {}", 0), "follows the JSON object");
        assertRefused(Bytes.file("[]", 0), "0x5b");
    }

    @Test
    void overlapIsRefused() {
        String header =
                "{\"a\":%s,\"b\":%s}".formatted(Bytes.tensor("U8", "[2]", "[0,2]"), Bytes.tensor("U8", "[2]", "[1,3]"));
        assertRefused(Bytes.file(header, 3), "\"b\"", "overlaps");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{\"a\":%1$s,\"a\":%1$s}",
                "{\"__metadata__\":{\"k\":\"1\",\"k\":\"1\"},\"a\":%1$s}",
                "{\"__metadata__\":{},\"__metadata__\":{},\"a\":%1$s}",
                "{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}"
            })
    void duplicateKeysAreRefused(String header) {
        String tensor = Bytes.tensor("U8", "[1]", "[0,1]");
        assertRefused(Bytes.file(header.formatted(tensor), 1), "uplicate");
    }

    @Test
    void deepNestingIsRefusedWithoutRecursion() {
        assertRefused(Bytes.file("{\"a\":{\"x\":" + "[".repeat(1_000_000), 0), "nesting depth");
        assertRefused(Bytes.file("{\"a\":".repeat(200_000), 0), "not the JSON of the format");
    }

    @Test
    void wrongUtf8IsRefused() {
        byte[] header = "{\"?\":1}".getBytes(StandardCharsets.US_ASCII);
        for (int wrong : new int[] {0x80, 0xc0, 0xe2, 0xff}) {
            header[2] = (byte) wrong;
            assertRefused(Bytes.file(header, 0), "not UTF-8");
        }
    }

    @Test
    void halfASurrogatePairIsRefused() {
        String tensor = Bytes.tensor("U8", "[1]", "[0,1]");
        assertRefused(Bytes.file("{\"\\ud83d\":%s}".formatted(tensor), 1), "surrogate", "\\u{d83d}");
    }

    @Test
    void namesInMessagesAreShortAndPrintable() {
        String name = "\\u001b[31m" + "x".repeat(10_000);
        byte[] bytes = Bytes.file("{\"%s\":1}".formatted(name), 0);
        assertThatThrownBy(() -> opened(bytes)).satisfies(e -> {
            assertThat(e.getMessage()).hasSizeLessThan(1000).contains("\\u{1b}[31mxxx", "…\"");
            assertThat(e.getMessage().chars()).noneMatch(Character::isISOControl);
        });
    }

    @ParameterizedTest
    @CsvSource({
        "version https://git-lfs.github.com/spec/v1,git lfs pull",
        "GGUF and so on,GGUF file",
        "PK\3\4 and a zip,Pickle"
    })
    void otherKindsOfFileAreRecognised(String content, String advice) {
        assertRefused(content.getBytes(StandardCharsets.ISO_8859_1), advice);
    }

    @Test
    void missingFileAndDirectoryAreRefused() {
        assertThatThrownBy(() -> Safetensors.open(file))
                .isInstanceOf(FormatException.class)
                .hasMessageContainingAll(file.toString(), "no such file");
        assertThatThrownBy(() -> Safetensors.open(directory))
                .isInstanceOf(FormatException.class)
                .hasMessageContaining("not a file");
    }

    private Safetensors opened(byte[] bytes) {
        AtomicFiles.write(file, bytes);
        return Safetensors.open(file);
    }

    private boolean isValid(byte[] bytes) {
        try (var weights = opened(bytes)) {
            return weights.entries() != null;
        } catch (FormatException e) {
            return false;
        }
    }

    private void assertRefused(byte[] bytes, String... words) {
        assertThatThrownBy(() -> opened(bytes).close())
                .isInstanceOf(FormatException.class)
                .hasMessageContaining(file.toString())
                .hasMessageContainingAll(words);
    }

    static Path resource(String name) {
        try {
            return Path.of(SafetensorsTest.class.getResource("/format/" + name).toURI());
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }
}
