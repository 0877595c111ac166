package dev.graft.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.graft.SharedData;
import dev.graft.format.SafetensorsWriter.Part;
import dev.graft.tensor.DType;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WeightFilesTest {
    private static final String FIRST = "model-00001-of-00002.safetensors";
    private static final String SECOND = "model-00002-of-00002.safetensors";

    @TempDir
    Path directory;

    @Test
    void readsARealModelDirectory() {
        Path model = SharedData.file("models/stories260k/hf");
        try (var weights = WeightFiles.open(model)) {
            assertThat(weights.names()).contains("model.embed_tokens.weight", "model.norm.weight");
            assertThat(weights.files()).containsExactly(model.resolve("model.safetensors"));
            // 1,044,992 bytes of file less its header
            assertThat(weights.totalBytes()).isBetween(1_000_000L, 1_044_992L - 8);
        }
    }

    @Test
    void readsOneFile() {
        shard("model.safetensors", "a", "b");
        try (var weights = WeightFiles.open(directory)) {
            assertThat(weights.names()).containsExactly("a", "b");
            assertThat(weights.totalBytes()).isEqualTo(2);
            assertThat(Bytes.of(weights.data("b"))).containsExactly('b');
        }
    }

    @Test
    void readsShards() {
        shards();
        index("'a': '%s', 'c': '%s', 'b': '%s'".formatted(FIRST, SECOND, FIRST));
        try (var weights = WeightFiles.open(directory)) {
            assertThat(weights.names()).containsExactly("a", "b", "c");
            assertThat(weights.files()).containsExactly(directory.resolve(FIRST), directory.resolve(SECOND));
            assertThat(weights.entry("c").shape()).containsExactly(1);
            assertThat(Bytes.of(weights.data("c"))).containsExactly('c');
            assertThat(weights.totalBytes()).isEqualTo(3);
        }
    }

    @Test
    void readsAnAdapterFile() {
        shard("adapter_model.safetensors", "a");
        try (var weights = WeightFiles.openFile(directory.resolve("adapter_model.safetensors"))) {
            assertThat(weights.names()).containsExactly("a");
        }
        assertRefused("this is an adapter", "model.safetensors");
    }

    @Test
    void tensorMissingFromItsShardIsNamed() {
        shards();
        index("'a': '%1$s', 'b': '%1$s', 'c': '%2$s', 'd': '%2$s'".formatted(FIRST, SECOND));
        assertRefused("disagree about 1 tensors", "\"d\" is not in " + SECOND);
    }

    @Test
    void tensorMissingFromTheIndexIsNamed() {
        shards();
        index("'a': '%1$s', 'c': '%2$s'".formatted(FIRST, SECOND));
        assertRefused("\"b\" of " + FIRST + " is not in the index");
    }

    @Test
    void tensorInTwoShardsIsNamed() {
        shard(FIRST, "a", "b");
        shard(SECOND, "b", "c");
        index("'a': '%1$s', 'b': '%1$s', 'c': '%2$s'".formatted(FIRST, SECOND));
        assertRefused("\"b\" of " + SECOND + " belongs to " + FIRST);
    }

    @Test
    void manyFaultsAreCountedAndSomeAreShown() {
        shard(FIRST, "a");
        StringBuilder map = new StringBuilder("'a': '%s'".formatted(FIRST));
        for (int i = 10; i < 40; i++) {
            map.append(", 'missing%d': '%s'".formatted(i, FIRST));
        }
        index(map.toString());
        assertRefused("30 tensors", "missing10", "missing19", "and 20 more");
    }

    @Test
    void missingShardIsNamed() {
        shard(FIRST, "a", "b");
        index("'a': '%1$s', 'b': '%1$s', 'c': '%2$s'".formatted(FIRST, SECOND));
        assertRefused("1 of the 2 shards", SECOND);
    }

    @Test
    void damagedShardIsNamed() {
        shards();
        AtomicFiles.write(directory.resolve(SECOND), new byte[20]);
        index("'a': '%1$s', 'b': '%1$s', 'c': '%2$s'".formatted(FIRST, SECOND));
        assertRefused(SECOND, "header length");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "'../x.safetensors'",
                "'/etc/x.safetensors'",
                "'a\\\\x.safetensors'",
                "'C:x.safetensors'",
                "'x\\u0000.safetensors'",
                "'pytorch_model.bin'",
                "''",
                "1",
                "null",
                "{}"
            })
    void indexMustNameFilesOfItsDirectory(String shard) {
        index("'a': " + shard);
        assertRefused("weight_map puts tensor \"a\" into", "the same directory");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"", "{", "[]", "{}", "null", "{'weight_map': {}}", "{'weight_map': []}", "{'weight_map': 3}"})
    void indexWithoutAMapIsRefused(String json) {
        AtomicFiles.writeString(directory.resolve("model.safetensors.index.json"), json.replace('\'', '"'));
        assertRefused("model.safetensors.index.json", "Download the index again");
    }

    @Test
    void tensorTwiceInTheIndexIsRefused() {
        shards();
        index("'a': '%1$s', 'b': '%1$s', 'c': '%2$s', 'a': '%2$s'".formatted(FIRST, SECOND));
        assertRefused("uplicate", "'a'");
    }

    @Test
    void deeplyNestedIndexIsRefused() {
        AtomicFiles.writeString(directory.resolve("model.safetensors.index.json"), "[".repeat(1_000_000));
        assertRefused("nesting depth");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "pytorch_model.bin",
                "pytorch_model-00001-of-00002.bin",
                "adapter_model.bin",
                "model.pt",
                "consolidated.00.pth"
            })
    void pickleIsRefusedWithTheReasonAndTheWayOut(String name) throws IOException {
        Path pickle = Files.writeString(directory.resolve(name), "PK");
        assertRefused(name, "whatever code", "save_file");
        assertThatThrownBy(() -> WeightFiles.openFile(pickle))
                .isInstanceOf(FormatException.class)
                .hasMessageContainingAll(name, "whatever code", "save_file");
    }

    @Test
    void nothingThereIsRefused() throws IOException {
        assertRefused("no weights here");
        Path missing = directory.resolve("missing");
        assertThatThrownBy(() -> WeightFiles.open(missing))
                .isInstanceOf(FormatException.class)
                .hasMessageContainingAll(missing.toString(), "no such directory");
        assertThatThrownBy(() -> WeightFiles.openFile(missing))
                .isInstanceOf(FormatException.class)
                .hasMessageContainingAll(missing.toString(), "no such file");
        Path file = Files.createFile(missing);
        assertThatThrownBy(() -> WeightFiles.open(file))
                .isInstanceOf(FormatException.class)
                .hasMessageContaining("this is a file");
    }

    @Test
    void missingTensorIsNamed() {
        shard("model.safetensors", "a");
        try (var weights = WeightFiles.open(directory)) {
            assertThatThrownBy(() -> weights.data("z"))
                    .isInstanceOf(FormatException.class)
                    .hasMessageContaining("\"z\"");
            assertThatThrownBy(() -> weights.entry("z"))
                    .isInstanceOf(FormatException.class)
                    .hasMessageContaining("\"z\"");
        }
    }

    private void assertRefused(String... words) {
        assertThatThrownBy(() -> WeightFiles.open(directory).close())
                .isInstanceOf(FormatException.class)
                .hasMessageContaining(directory.toString())
                .hasMessageContainingAll(words);
    }

    private void shards() {
        shard(FIRST, "a", "b");
        shard(SECOND, "c");
    }

    /// A file with tensors of one byte, the first letter of their name.
    private void shard(String file, String... names) {
        List<Part> parts = Arrays.stream(names)
                .map(name -> new Part(
                        name, DType.U8, new long[] {1}, MemorySegment.ofArray(new byte[] {(byte) name.charAt(0)})))
                .toList();
        SafetensorsWriter.write(directory.resolve(file), parts);
    }

    private void index(String map) {
        String json = "{'metadata': {'total_size': 1}, 'weight_map': {%s}}".formatted(map);
        AtomicFiles.writeString(directory.resolve("model.safetensors.index.json"), json.replace('\'', '"'));
    }
}
