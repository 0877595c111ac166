package dev.graft.export;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.Models;
import dev.graft.format.Json;
import dev.graft.format.WeightFiles;
import dev.graft.model.LanguageModel;
import dev.graft.nn.LinearFactory;
import dev.graft.tensor.DType;
import dev.graft.tokenizer.TinyTokenizer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ModelDirectoryTest {
    private static final int[] IDS = {1, 53, 39, 88, 67};

    @TempDir
    Path folder;

    private LanguageModel model;

    @BeforeEach
    void load() {
        model = Models.load(Models.TINY, LinearFactory.trainable());
    }

    @AfterEach
    void close() {
        model.close();
    }

    private Map<String, ModelDirectory.Weight> weights(DType type) {
        Map<String, ModelDirectory.Weight> weights = new LinkedHashMap<>();
        model.parameters()
                .forEach(p -> weights.put(
                        p.name(), new ModelDirectory.Weight(type, p.master().shape(), p::master)));
        return weights;
    }

    @Test
    void writtenModelIsTheModel() {
        Path target = folder.resolve("model");
        ModelDirectory.write(target, Models.TINY, weights(DType.F32), DType.F32);
        try (LanguageModel again = Models.load(target, LinearFactory.trainable())) {
            Map<String, float[]> written = Models.weights(again);
            assertThat(written).containsOnlyKeys(Models.weights(model).keySet());
            Models.weights(model)
                    .forEach((name, values) ->
                            assertThat(written.get(name)).as(name).containsExactly(values));
            assertThat(Models.logits(again, IDS)).containsExactly(Models.logits(model, IDS));
        }
    }

    @Test
    void shardsAreFullAndFoundThroughTheirIndex() throws IOException {
        long shard = 40_000; // the model takes 243 kB, its largest tensor 18 kB
        Path target = Files.createDirectory(folder.resolve("model"));
        Files.copy(Models.TINY.resolve("config.json"), target.resolve("config.json"));
        ModelDirectory.writeWeights(target, weights(DType.F32), shard);
        try (Stream<Path> files = Files.list(target)) {
            assertThat(files.filter(file -> file.toString().endsWith(".safetensors")))
                    .hasSizeGreaterThan(5)
                    .allMatch(file -> file.toFile().length() < shard + 4096);
        }
        long total = Json.readObject(target.resolve("model.safetensors.index.json"), "an index")
                .path("metadata")
                .path("total_size")
                .asLong();
        try (WeightFiles files = WeightFiles.open(target)) {
            assertThat(total).isEqualTo(4 * model.totalParameters());
            assertThat(files.names()).isEqualTo(weights(DType.F32).keySet());
        }
        try (LanguageModel again = Models.load(target, LinearFactory.frozen())) {
            assertThat(Models.logits(again, IDS)).containsExactly(Models.logits(model, IDS));
        }
    }

    @ParameterizedTest
    @CsvSource({
        "dtype, dtype, BF16, bfloat16",
        "torch_dtype, torch_dtype, F32, float32",
        "'', torch_dtype, F16, float16"
    })
    void typeIsWrittenUnderTheKeyThatTheSourceUses(String given, String key, DType type, String name)
            throws IOException {
        Path source = Files.createDirectory(folder.resolve("source"));
        ObjectNode config = ((ObjectNode) Json.readObject(Models.TINY.resolve("config.json"), "a config")).deepCopy();
        config.remove("dtype");
        if (!given.isEmpty()) {
            config.put(given, "float64");
        }
        new ObjectMapper().writeValue(source.resolve("config.json").toFile(), config);
        Path target = folder.resolve("model");
        ModelDirectory.write(target, source, weights(type), type);
        config.put(key, name);
        assertThat(Json.readObject(target.resolve("config.json"), "a config")).isEqualTo(config);
        try (WeightFiles files = WeightFiles.open(target)) {
            assertThat(files.entry("lm_head.weight").dtypeName()).isEqualTo(type.name());
        }
    }

    @Test
    void tokenizerAndLicenceComeAlong() throws IOException {
        Path source = TinyTokenizer.copyTo(Files.createDirectory(folder.resolve("source")));
        Files.copy(Models.TINY.resolve("config.json"), source.resolve("config.json"));
        Files.writeString(source.resolve("LICENSE"), "Free.");
        Files.writeString(source.resolve("optimizer.pt"), "not part of a model");
        Path target = folder.resolve("model");
        ModelDirectory.write(target, source, weights(DType.F32), DType.F32);
        assertThat(target.resolve("tokenizer.json")).hasSameBinaryContentAs(source.resolve("tokenizer.json"));
        assertThat(target.resolve("tokenizer_config.json"))
                .hasSameBinaryContentAs(source.resolve("tokenizer_config.json"));
        assertThat(target.resolve("LICENSE")).hasContent("Free.");
        assertThat(target.resolve("optimizer.pt")).doesNotExist();
    }

    @Test
    void numbersThatBecomeInfiniteAreNotWritten() {
        Map<String, ModelDirectory.Weight> weights = weights(DType.F16);
        model.parameters().getFirst().master().fillInPlace(70_000); // float16 ends at 65,504
        assertThatThrownBy(() -> ModelDirectory.write(folder.resolve("model"), Models.TINY, weights, DType.F16))
                .hasStackTraceContaining("too large for F16")
                .hasStackTraceContaining("bfloat16");
        assertThat(folder.resolve("model")).doesNotExist();
    }

    @Test
    void existingFolderIsAnErrorAndStaysAsItWas() throws IOException {
        Path target = Files.createDirectory(folder.resolve("model"));
        Files.writeString(target.resolve("notes.txt"), "mine");
        assertThatThrownBy(() -> ModelDirectory.write(target, Models.TINY, weights(DType.F32), DType.F32))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageContaining(target.toString());
        assertThat(MergeTest.entries(target)).containsExactly("notes.txt");
    }

    @Test
    void replacingMakesTheEarlierModelGiveWay() throws IOException {
        Path target = folder.resolve("model");
        ModelDirectory.write(target, Models.TINY, weights(DType.BF16), DType.BF16);
        ModelDirectory.replace(target, Models.TINY, weights(DType.F32), DType.F32, Optional.empty());
        assertThat(MergeTest.entries(folder)).containsExactly("model");
        try (LanguageModel again = Models.load(target, LinearFactory.frozen())) {
            assertThat(Models.logits(again, IDS)).containsExactly(Models.logits(model, IDS));
        }
    }
}
