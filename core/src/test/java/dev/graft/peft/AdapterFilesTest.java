package dev.graft.peft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.Goldens;
import dev.graft.Models;
import dev.graft.format.AdapterWeights;
import dev.graft.format.FormatException;
import dev.graft.format.Json;
import dev.graft.format.SafetensorsWriter;
import dev.graft.format.SafetensorsWriter.Part;
import dev.graft.format.WeightFiles;
import dev.graft.model.LanguageModel;
import dev.graft.nn.LinearFactory;
import dev.graft.tensor.DType;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Adapter directories as PEFT writes them (`scripts/goldens_train.py`), and as others break them.
class AdapterFilesTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String Q = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight";

    @TempDir
    Path folder;

    // ---------------------------------------------------------------- what PEFT wrote

    @ParameterizedTest
    @CsvSource({"lora, 1e-4", "rslora, 2e-4"})
    void adaptersOfPeftHavePeftsLogits(String run, float tolerance) {
        try (WeightFiles expected = WeightFiles.openFile(Goldens.path("train/" + run + "/logits.safetensors"))) {
            int[] ids = ids(expected);
            float[] logits = logits(Goldens.path("train/" + run + "/adapter-final"), ids);
            assertThat(logits).containsExactly(Goldens.floats(expected, "logits.0"), within(tolerance));
        }
    }

    private static int[] ids(WeightFiles file) {
        long[] ids = file.data("ids.0").toArray(ValueLayout.JAVA_LONG_UNALIGNED);
        return Arrays.stream(ids).mapToInt(Math::toIntExact).toArray();
    }

    @ParameterizedTest
    @CsvSource({"lora", "rslora"})
    void whatIsWrittenIsWhatPeftWrites(String run) {
        Path golden = Goldens.path("train/" + run + "/adapter-final");
        Adapters adapters = Adapters.read(golden);
        try (LanguageModel model = Models.load(Models.TINY, adapters.over(LinearFactory.frozen()))) {
            adapters.load(golden);
            adapters.save(folder.resolve("ours"), "llama-tiny");
        }
        requireSameTensors(golden, folder.resolve("ours"));
        ObjectNode theirs = config(golden);
        ObjectNode ours = config(folder.resolve("ours"));
        theirs.remove("peft_version");
        assertThat(names(ours)).isEqualTo(names(theirs));
        names(theirs).forEach(key -> assertThat(ours.get(key)).as(key).isEqualTo(theirs.get(key)));
    }

    private static void requireSameTensors(Path golden, Path written) {
        try (WeightFiles theirs = WeightFiles.openFile(golden.resolve(AdapterFiles.WEIGHTS));
                WeightFiles ours = WeightFiles.openFile(written.resolve(AdapterFiles.WEIGHTS))) {
            assertThat(ours.names()).isEqualTo(theirs.names());
            for (String name : theirs.names()) {
                assertThat(ours.entry(name).shape())
                        .as(name)
                        .isEqualTo(theirs.entry(name).shape());
                assertThat(ours.entry(name).dtypeName()).isEqualTo("F32");
                assertThat(Goldens.floats(ours, name)).as(name).containsExactly(Goldens.floats(theirs, name));
            }
        }
    }

    private static Set<String> names(ObjectNode config) {
        Set<String> names = new TreeSet<>();
        config.fieldNames().forEachRemaining(names::add);
        return names;
    }

    @Test
    void settingsOutliveTheirFile() {
        Lora settings = new Lora(3, 4.5, 0.05, Targets.names("q_proj", "v_proj"))
                .withExcluded(new Targets.Regex(".*layers\\.0\\..*"))
                .withRslora()
                .withModulesToSave("lm_head");
        Adapters adapters = new Adapters(settings, 1);
        try (LanguageModel model = Models.load(Models.TINY, adapters.over(LinearFactory.frozen()))) {
            adapters.save(folder, "llama-tiny");
        }
        assertThat(Adapters.read(folder).settings()).isEqualTo(settings);
    }

    @Test
    void allLinearIsWrittenAsTheNamesItMeant() {
        Adapters adapters = new Adapters(new Lora(4, 8, 0, Targets.allLinear()), 1);
        try (LanguageModel model = Models.load(Models.TINY, adapters.over(LinearFactory.frozen()))) {
            adapters.save(folder, "llama-tiny");
        }
        assertThat(config(folder).get("target_modules"))
                .isEqualTo(config(Goldens.path("train/lora/adapter-final")).get("target_modules"));
    }

    // ---------------------------------------------------------------- what cannot be used

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "peft_type; \"IA3\"; peft_type is \"IA3\"",
                "task_type; \"SEQ_CLS\"; task_type is \"SEQ_CLS\"",
                "a_setting_of_tomorrow; 3; a_setting_of_tomorrow is 3",
                "init_lora_weights; \"pissa_niter_16\"; init_lora_weights is \"pissa_niter_16\"",
                "r; \"four\"; r is \"four\"",
                "r; 2.5; r is 2.5",
                "lora_alpha; \"x\"; lora_alpha is \"x\"",
                "use_rslora; \"yes\"; use_rslora is \"yes\"",
                "target_modules; null; target_modules is null",
                "target_modules; []; target_modules is []"
            })
    void settingsThatMeanSomethingElseAreRefusedByName(String key, String value, String words) throws IOException {
        Path adapter = golden(config -> config.set(key, tree(value)), parts -> parts);
        assertThatThrownBy(() -> Adapters.read(adapter))
                .isInstanceOf(FormatException.class)
                .hasMessageContaining("adapter_config.json")
                .hasMessageContaining(words);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "init_lora_weights; \"gaussian\"",
                "init_lora_weights; \"orthogonal\"",
                "init_lora_weights; false",
                "inference_mode; false",
                "task_type; null",
                "use_dora; null",
                "revision; \"main\"",
                "auto_mapping; {\"base_model_class\": \"LlamaForCausalLM\"}"
            })
    void settingsWithoutEffectAreReadOver(String key, String value) throws IOException {
        Path adapter = golden(config -> config.set(key, tree(value)), parts -> parts);
        assertThat(Adapters.read(adapter).settings().r()).isEqualTo(4);
    }

    @Test
    void missingTensorIsNamed() throws IOException {
        Path adapter = golden(config -> {}, parts -> {
            parts.removeIf(part -> part.name().equals(Q));
            return parts;
        });
        requireRefused(adapter, Q + ": missing", "1 faults, 42 tensors wanted", "base model it was trained on");
    }

    @Test
    void wrongShapeIsShownBesideTheRightOne() throws IOException {
        Path adapter = golden(config -> {}, parts -> {
            parts.replaceAll(part -> part.name().equals(Q) ? zeros(Q, DType.F32, 4, 40) : part);
            return parts;
        });
        requireRefused(adapter, Q + ": shape [4, 40]; expected [4, 48]");
    }

    @Test
    void integersAreNoFactors() throws IOException {
        Path adapter = golden(config -> {}, parts -> {
            parts.replaceAll(part -> part.name().equals(Q) ? zeros(Q, DType.I64, 4, 48) : part);
            return parts;
        });
        requireRefused(adapter, Q + ": type I64");
    }

    @Test
    void adapterOfALargerModelIsRefused() throws IOException {
        String foreign = "base_model.model.model.layers.7.self_attn.q_proj.lora_A.weight";
        Path adapter = golden(config -> {}, parts -> {
            parts.add(zeros(foreign, DType.F32, 4, 48));
            return parts;
        });
        requireRefused(adapter, foreign + ": this model has no such layer");
    }

    @Test
    void targetsThatMatchNothingAreRefusedWithTheLayersTheModelHas() throws IOException {
        Path adapter = golden(config -> config.set("target_modules", tree("[\"c_attn\"]")), parts -> parts);
        requireRefused(adapter, "target_modules", "c_attn", "q_proj, k_proj");
    }

    @Test
    void rankThatIsNotThatOfTheTensorsIsRefused() throws IOException {
        Path adapter = golden(config -> config.put("r", 16), parts -> parts);
        requireRefused(adapter, Q + ": shape [4, 48]; expected [16, 48]", "42 faults", "… and 36 more");
    }

    @Test
    void pickleIsRefusedWithAWayOut() throws IOException {
        Path adapter = golden(config -> {}, parts -> parts);
        Files.move(adapter.resolve(AdapterFiles.WEIGHTS), adapter.resolve("adapter_model.bin"));
        requireRefused(adapter, "adapter_model.bin", "pickle", "torch.load", "safetensors");
    }

    @Test
    void anAdapterUnderAnotherNameLiesInAFolderOfThatName() throws IOException {
        Path adapter = golden(config -> {}, parts -> parts);
        Files.createDirectories(folder.resolve("several"));
        Files.move(adapter, folder.resolve("several/mine"));
        assertThatThrownBy(() -> Adapters.read(folder.resolve("several")))
                .isInstanceOf(FormatException.class)
                .hasMessageContaining("several/mine");
    }

    @Test
    void aByteOrderMarkAndWindowsLinesAreReadOver() throws IOException {
        Path adapter = golden(config -> {}, parts -> parts);
        Path file = adapter.resolve(AdapterWeights.CONFIG);
        String windows = "\uFEFF" + Files.readString(file).replace(",", ",\r\n");
        Files.writeString(file, windows);
        assertThat(Adapters.read(adapter).settings().r()).isEqualTo(4);
    }

    /// PEFT stores copies of embeddings beside their factors; a copy says nothing new, anything else would.
    @Test
    void copiesOfTheBasesEmbeddingAreTakenAndOthersRefused() throws IOException {
        String name = "base_model.model.model.embed_tokens.weight";
        try (WeightFiles base = WeightFiles.open(Models.TINY)) {
            Part copy = new Part(
                    name,
                    DType.F32,
                    base.entry("model.embed_tokens.weight").shape(),
                    base.data("model.embed_tokens.weight"));
            Path adapter = golden(config -> {}, parts -> {
                parts.add(copy);
                return parts;
            });
            Adapters adapters = Adapters.read(adapter);
            try (LanguageModel model = Models.load(Models.TINY, adapters.over(LinearFactory.frozen()))) {
                adapters.load(adapter);
            }
            Path other = golden(config -> {}, parts -> {
                parts.add(zeros(name, DType.F32, copy.shape()[0], copy.shape()[1]));
                return parts;
            });
            requireRefused(other, name, "another embedding than this model's");
        }
    }

    @Test
    void factorsInHalfTheBytesAreRaisedToFloat32() throws IOException {
        Path adapter = golden(config -> {}, parts -> {
            parts.replaceAll(part -> part.name().equals(Q) ? zeros(Q, DType.BF16, 4, 48) : part);
            return parts;
        });
        Adapters adapters = Adapters.read(adapter);
        try (LanguageModel model = Models.load(Models.TINY, adapters.over(LinearFactory.frozen()))) {
            adapters.load(adapter);
            var a = adapters.adapted().get("model.layers.0.self_attn.q_proj").a();
            assertThat(a.master().dtype()).isEqualTo(DType.F32);
            assertThat(a.master().norm()).isZero();
        }
    }

    @Test
    void missingFilesAreSentences() throws IOException {
        assertThatThrownBy(() -> Adapters.read(folder.resolve("nowhere")))
                .hasMessageContaining("nowhere")
                .hasMessageContaining("adapter_config.json");
        Path adapter = golden(config -> {}, parts -> parts);
        Files.delete(adapter.resolve(AdapterFiles.WEIGHTS));
        requireRefused(adapter, "adapter_model.safetensors");
    }

    private static void requireRefused(Path adapter, String... words) {
        Adapters adapters = Adapters.read(adapter);
        assertThatThrownBy(() -> {
                    try (LanguageModel model = Models.load(Models.TINY, adapters.over(LinearFactory.frozen()))) {
                        adapters.load(adapter);
                    }
                })
                .isInstanceOfAny(FormatException.class, IllegalArgumentException.class)
                .hasMessageContainingAll(words);
    }

    // ---------------------------------------------------------------- helpers

    /// A copy of PEFT's adapter with something changed.
    private Path golden(Consumer<ObjectNode> change, UnaryOperator<List<Part>> tensors) throws IOException {
        Path golden = Goldens.path("train/lora/adapter-final");
        Path copy = Files.createTempDirectory(folder, "adapter");
        ObjectNode config = config(golden);
        change.accept(config);
        JSON.writeValue(copy.resolve(AdapterWeights.CONFIG).toFile(), config);
        try (WeightFiles files = WeightFiles.openFile(golden.resolve(AdapterFiles.WEIGHTS))) {
            List<Part> parts = new ArrayList<>();
            for (String name : files.names()) {
                parts.add(new Part(
                        name,
                        files.entry(name).dtype().orElseThrow(),
                        files.entry(name).shape(),
                        files.data(name)));
            }
            SafetensorsWriter.write(copy.resolve(AdapterFiles.WEIGHTS), tensors.apply(parts));
        }
        return copy;
    }

    private static Part zeros(String name, DType dtype, long rows, long columns) {
        byte[] bytes = new byte[Math.toIntExact(rows * columns * dtype.bytes())];
        return new Part(name, dtype, new long[] {rows, columns}, MemorySegment.ofArray(bytes));
    }

    private static ObjectNode config(Path adapter) {
        return ((ObjectNode) Json.readObject(adapter.resolve(AdapterWeights.CONFIG), "a config")).deepCopy();
    }

    private static JsonNode tree(String json) {
        try {
            return JSON.readTree(json);
        } catch (IOException e) {
            throw new IllegalArgumentException(json, e);
        }
    }

    private static float[] logits(Path adapter, int[] ids) {
        Adapters adapters = Adapters.read(adapter);
        try (LanguageModel model = Models.load(Models.TINY, adapters.over(LinearFactory.frozen()))) {
            adapters.load(adapter);
            return Models.logits(model, ids);
        }
    }
}
