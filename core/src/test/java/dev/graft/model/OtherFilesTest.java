package dev.graft.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.Models;
import dev.graft.SharedData;
import dev.graft.format.FormatException;
import dev.graft.format.Json;
import dev.graft.nn.LinearFactory;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Models in other files than a Hugging Face folder.
class OtherFilesTest {
    @TempDir
    Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"gguf/stories260K.gguf", "raw/stories260K.bin"})
    void theOtherFormsOfAModelScoreTheSame(String form) {
        JsonNode goldens = Json.readObject(SharedData.file("models/stories260k/goldens.json"), "goldens");
        try (LanguageModel model = Models.load(SharedData.file("models/stories260k/" + form), LinearFactory.frozen());
                LanguageModel hub = Models.load(SharedData.file("models/stories260k/hf"), LinearFactory.frozen())) {
            assertThat(model.vocabularySize()).isEqualTo(512);
            for (JsonNode text : goldens.get("forward")) {
                int[] ids = IntStream.range(0, text.get("ids").size())
                        .map(i -> text.get("ids").get(i).asInt())
                        .toArray();
                assertThat(logProbs(model, ids)).containsExactly(logProbs(hub, ids), within(1e-5f));
            }
        }
    }

    private static float[] logProbs(LanguageModel model, int[] ids) {
        try (Scope scope = Scope.open();
                var tape = dev.graft.autograd.Tape.silent(Device.cpu())) {
            var hidden = model.hidden(tape, dev.graft.nn.TokenRun.document(ids));
            int[] rows = IntStream.range(0, ids.length - 1).toArray();
            return model.logProbs(tape, hidden, rows, Arrays.copyOfRange(ids, 1, ids.length))
                    .data()
                    .toFloats();
        }
    }

    @Test
    void packedWeightsAreDecodedIntoTheTypeComputedIn() {
        try (ModelSource source = ModelSource.open(SharedData.file("models/stories260k/gguf/stories260K.gguf"));
                Scope scope = Scope.open()) {
            String name = "model.layers.0.self_attn.q_proj.weight";
            assertThat(source.as(DType.BF16, name).toFloats())
                    .containsExactly(source.stored(name).to(DType.BF16).toFloats());
        }
    }

    /// The layouts of `export.py` and `runq.c`, made from the legacy file.
    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void laterLayoutsOfTheCheckpointAreRead(int version) throws IOException {
        Path file = folder.resolve("model.bin");
        Path legacy = SharedData.file("models/stories260k/raw/stories260K.bin");
        Files.write(file, relaid(Files.readAllBytes(legacy), version));
        double tolerance = version == 1 ? 0 : 0.02; // eight bits of the largest of 4 weights
        try (ModelSource source = ModelSource.open(file);
                ModelSource expected = ModelSource.open(legacy);
                Scope scope = Scope.open()) {
            assertThat(source.config().json()).isEqualTo(expected.config().json());
            assertThat(source.names()).containsExactlyInAnyOrderElementsOf(expected.names());
            for (String name : expected.names()) {
                assertThat(source.stored(name).toFloats())
                        .as(name)
                        .containsExactly(expected.stored(name).toFloats(), within((float) tolerance));
            }
        }
    }

    /// A negative vocabulary says that the classifier follows.
    @Test
    void aClassifierOfItsOwnIsTheHead() throws IOException {
        Path shared = SharedData.file("models/stories260k/raw/stories260K.bin");
        byte[] legacy = Files.readAllBytes(shared);
        ByteBuffer own = ByteBuffer.allocate(legacy.length + 4 * 512 * 64).order(ByteOrder.LITTLE_ENDIAN);
        own.put(legacy).putInt(20, -512);
        ByteBuffer embedding = ByteBuffer.wrap(legacy, 28, 4 * 512 * 64).order(ByteOrder.LITTLE_ENDIAN);
        while (embedding.hasRemaining()) {
            own.putFloat(2 * embedding.getFloat());
        }
        Path file = Files.write(folder.resolve("own.bin"), own.array());
        int[] ids = {1, 40, 7, 300, 12};
        try (LanguageModel model = Models.load(file, LinearFactory.frozen());
                LanguageModel tied = Models.load(shared, LinearFactory.frozen())) {
            assertThat(model.config().flag("tie_word_embeddings", true)).isFalse();
            float[] once = Models.logits(tied, ids);
            float[] twice = Models.logits(model, ids);
            for (int i = 0; i < once.length; i++) {
                assertThat(twice[i]).isEqualTo(2 * once[i]);
            }
        }
        Files.write(file, Arrays.copyOf(own.array(), own.capacity() - 4));
        assertThatExceptionOfType(FormatException.class).isThrownBy(() -> ModelSource.open(file));
    }

    /// Whatever the sizes in the header, also where their products overflow.
    @Test
    void sizesThatDoNotFitTheFileAreRefused() throws IOException {
        byte[] whole = Files.readAllBytes(SharedData.file("models/stories260k/raw/stories260K.bin"));
        byte[] versioned = relaid(whole, 2);
        int[] hostile = {0, -1, 1, 3, 1 << 16, (1 << 30) + 1, Integer.MAX_VALUE, Integer.MIN_VALUE};
        for (byte[] valid : new byte[][] {whole, versioned}) {
            int first = valid == whole ? 0 : 8;
            Path file = Files.write(folder.resolve("m.bin"), valid);
            for (int pair = 0; pair < 49; pair++) {
                for (int value : hostile) {
                    boolean positionsOfVersions = first == 8 && pair == 48 && value > 0; // in no tensor's size
                    if (!positionsOfVersions) {
                        writeSizes(file, valid, first, pair, value);
                        assertThatExceptionOfType(FormatException.class)
                                .as("sizes %d and %d are %d", pair / 7, pair % 7, value)
                                .isThrownBy(() -> ModelSource.open(file));
                    }
                }
            }
        }
    }

    /// The header again, with one value for two of its sizes.
    private static void writeSizes(Path file, byte[] valid, int first, int pair, int value) throws IOException {
        ByteBuffer sizes = ByteBuffer.wrap(Arrays.copyOf(valid, first + 28)).order(ByteOrder.LITTLE_ENDIAN);
        sizes.putInt(first + 4 * (pair / 7), value).putInt(first + 4 * (pair % 7), value);
        try (var channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.write(sizes, 0);
        }
    }

    private static byte[] relaid(byte[] legacy, int version) {
        ByteBuffer from = ByteBuffer.wrap(legacy).order(ByteOrder.LITTLE_ENDIAN);
        ByteBuffer to = ByteBuffer.allocate(2 * legacy.length).order(ByteOrder.LITTLE_ENDIAN);
        to.putInt(0x616b3432).putInt(version);
        int[] sizes = IntStream.range(0, 7).map(i -> from.getInt()).toArray();
        IntStream.of(sizes).forEach(to::putInt);
        to.put((byte) 1);
        int group = 4;
        if (version == 2) {
            to.putInt(group);
        }
        to.position(256);
        int dim = sizes[0];
        int inner = sizes[1];
        int layers = sizes[2];
        int keys = dim / sizes[3] * sizes[4];
        float[] embedding = floats(from, sizes[5] * dim);
        float[] attentionNorm = floats(from, layers * dim);
        float[][] attention = {
            floats(from, layers * dim * dim),
            floats(from, layers * dim * keys),
            floats(from, layers * dim * keys),
            floats(from, layers * dim * dim)
        };
        float[] feedForwardNorm = floats(from, layers * dim);
        float[][] feedForward = {
            floats(from, layers * dim * inner), floats(from, layers * dim * inner), floats(from, layers * dim * inner)
        };
        put(to, attentionNorm);
        put(to, feedForwardNorm);
        put(to, floats(from, dim));
        matrices(to, embedding, 1, version, group);
        for (float[] each : attention) {
            matrices(to, each, layers, version, group);
        }
        for (float[] each : feedForward) {
            matrices(to, each, layers, version, group);
        }
        return Arrays.copyOf(to.array(), to.position());
    }

    private static void matrices(ByteBuffer to, float[] all, int layers, int version, int group) {
        int each = all.length / layers;
        for (int layer = 0; layer < layers; layer++) {
            float[] values = Arrays.copyOfRange(all, layer * each, (layer + 1) * each);
            if (version == 1) {
                put(to, values);
                continue;
            }
            float[] scales = new float[each / group];
            for (int i = 0; i < each; i++) {
                scales[i / group] = Math.max(scales[i / group], Math.abs(values[i]) / 127);
            }
            for (int i = 0; i < each; i++) {
                to.put((byte) Math.round(values[i] / scales[i / group]));
            }
            put(to, scales);
        }
    }

    private static float[] floats(ByteBuffer from, int count) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = from.getFloat();
        }
        return values;
    }

    private static void put(ByteBuffer to, float[] values) {
        for (float value : values) {
            to.putFloat(value);
        }
    }

    @Test
    void cutOffCheckpointIsRefused() throws IOException {
        byte[] whole = Files.readAllBytes(SharedData.file("models/stories260k/raw/stories260K.bin"));
        for (int length : new int[] {0, 5, 27, 28, 1000, whole.length - 1}) {
            Path file = Files.write(folder.resolve("m.bin"), Arrays.copyOf(whole, length));
            assertThatExceptionOfType(FormatException.class)
                    .as("first %d bytes", length)
                    .isThrownBy(() -> ModelSource.open(file))
                    .withMessageContaining("no llama2.c checkpoint");
        }
        Path longer = Files.write(folder.resolve("m.bin"), Arrays.copyOf(whole, whole.length + 1));
        assertThatExceptionOfType(FormatException.class).isThrownBy(() -> ModelSource.open(longer));
    }

    @Test
    void configurationOfAGgufFileIsInHuggingFacesTerms() {
        JsonNode config = ModelConfig.read(SharedData.file("models/stories260k/gguf/stories260K.gguf"))
                .json();
        Map<String, Object> expected = Map.of(
                "model_type", "llama",
                "hidden_size", 64,
                "num_hidden_layers", 5,
                "intermediate_size", 172,
                "num_attention_heads", 8,
                "num_key_value_heads", 4,
                "rms_norm_eps", 1e-5,
                "rope_theta", 10_000.0,
                "vocab_size", 512,
                "max_position_embeddings", 2048);
        expected.forEach(
                (key, value) -> assertThat(config.get(key).asText()).as(key).isEqualTo(String.valueOf(value)));
    }
}
