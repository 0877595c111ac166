package dev.graft.export;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.Goldens;
import dev.graft.Models;
import dev.graft.autograd.Parameter;
import dev.graft.autograd.Tape;
import dev.graft.autograd.Value;
import dev.graft.format.FormatException;
import dev.graft.format.Gguf;
import dev.graft.format.GgufType;
import dev.graft.format.WeightFiles;
import dev.graft.generate.GenerationSettings;
import dev.graft.generate.Generator;
import dev.graft.model.Architectures;
import dev.graft.model.LanguageModel;
import dev.graft.model.ModelConfig;
import dev.graft.nn.LinearFactory;
import dev.graft.nn.TokenRun;
import dev.graft.optim.AdamW;
import dev.graft.optim.AdamWSettings;
import dev.graft.optim.Optimizer;
import dev.graft.peft.Adapters;
import dev.graft.peft.Lora;
import dev.graft.peft.Targets;
import dev.graft.quant.Nf4;
import dev.graft.quant.QuantisedLinears;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// The table of `docs/compatibility.md`, cell by cell: tiny models of each family with their real structure.
class CompatibilityTest {
    private static final Path TABLE = Path.of("../docs/compatibility.md");
    private static final int[] TEXT = {3, 5, 7, 11, 13, 17, 19, 23, 2, 4};

    /// Models whose logits Transformers computed, and their adapters with PEFT's logits.
    private record Reference(String model, String adapter) {}

    private static final Map<String, Reference> REFERENCES = Map.of(
            "llama", new Reference("llama-tiny", "peft/embeddings/adapter-final"),
            "mistral", new Reference("mistral-tiny", "mistral-tiny/adapter-linear"),
            "mixtral", new Reference("mixtral-tiny", "mixtral-tiny/adapter-all"),
            "qwen2", new Reference("qwen2-tiny", "qwen2-tiny/adapter-linear"),
            "qwen3", new Reference("qwen3-tiny", "qwen3-tiny/adapter-linear"),
            "qwen3_moe", new Reference("qwen3-moe-tiny", "qwen3-moe-tiny/adapter-experts"),
            "phi3", new Reference("phi3-tiny", "phi3-tiny/adapter-linear"),
            "gemma2", new Reference("gemma2-tiny", "gemma2-tiny/adapter-linear"),
            "gemma3_text", new Reference("gemma3-tiny", "gemma3-tiny/adapter-linear"),
            "gpt2", new Reference("gpt2-tiny", "gpt2-tiny/adapter-all"));

    private interface Check {
        void run(String family, Path folder) throws IOException;
    }

    private static final Map<String, Check> COLUMNS = columns();

    private static Map<String, Check> columns() {
        Map<String, Check> columns = new LinkedHashMap<>();
        columns.put("load", CompatibilityTest::load);
        columns.put("generate", CompatibilityTest::generate);
        columns.put("train all", CompatibilityTest::trainAll);
        columns.put("LoRA", CompatibilityTest::lora);
        columns.put("QLoRA", CompatibilityTest::qlora);
        columns.put("PEFT in", CompatibilityTest::peftIn);
        columns.put("PEFT out", CompatibilityTest::peftOut);
        columns.put("merge", CompatibilityTest::merge);
        columns.put("GGUF out", CompatibilityTest::ggufOut);
        columns.put("GGUF in", CompatibilityTest::ggufIn);
        columns.put("GGUF LoRA", CompatibilityTest::ggufLora);
        return columns;
    }

    @TempDir
    Path folder;

    private static List<List<String>> table() {
        try (Stream<String> lines = Files.lines(TABLE)) {
            return lines.dropWhile(line -> !line.startsWith("| `model_type`"))
                    .takeWhile(line -> line.startsWith("|"))
                    .filter(line -> !line.startsWith("|--"))
                    .map(line -> Arrays.stream(
                                    line.substring(1, line.length() - 1).split("\\|"))
                            .map(cell -> cell.strip().replace("`", ""))
                            .toList())
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static Stream<Arguments> cells() {
        List<List<String>> table = table();
        List<String> head = table.getFirst();
        return table.stream()
                .skip(1)
                .flatMap(row -> IntStream.range(1, head.size())
                        .mapToObj(i -> Arguments.of(row.getFirst(), head.get(i), row.get(i))));
    }

    @Test
    void theTableHasEveryFamilyAndNoColumnWithoutATest() {
        List<List<String>> table = table();
        assertThat(table.getFirst()).startsWith("model_type").hasSize(COLUMNS.size() + 1);
        assertThat(table.getFirst().subList(1, COLUMNS.size() + 1)).isEqualTo(List.copyOf(COLUMNS.keySet()));
        assertThat(table.stream().skip(1).map(List::getFirst)).containsExactlyElementsOf(Architectures.modelTypes());
    }

    @ParameterizedTest(name = "{0}: {1}, {2}")
    @MethodSource("cells")
    void theCellIsTrue(String family, String column, String cell) throws IOException {
        Check check = COLUMNS.get(column);
        if (cell.equals("yes")) {
            check.run(family, folder);
        } else {
            assertThat(cell).isEqualTo("no");
            assertThatExceptionOfType(FormatException.class).isThrownBy(() -> check.run(family, folder));
        }
    }

    private static Path reference(String family) {
        return Goldens.path(REFERENCES.get(family).model);
    }

    // ---------------------------------------------------------------- models

    private static void load(String family, Path folder) {
        try (LanguageModel model = Models.load(reference(family), LinearFactory.frozen())) {
            requireLogits(model, sequence(reference(family)), reference(family));
        }
    }

    private static int[] sequence(Path golden) {
        return Goldens.ints(Goldens.json(golden.getFileName() + "/logits.json")
                .get("sequences")
                .get(0));
    }

    private static void requireLogits(LanguageModel model, int[] ids, Path golden) {
        try (WeightFiles file = WeightFiles.openFile(golden.resolve("logits.safetensors"))) {
            assertThat(Models.logits(model, ids)).containsExactly(Goldens.floats(file, "logits.0"), within(1e-4f));
        }
    }

    /// With a cache, token by token, as without one.
    private static void generate(String family, Path folder) {
        try (LanguageModel model = Models.load(reference(family), LinearFactory.frozen())) {
            var settings = GenerationSettings.defaults().withTemperature(0).withMaxNewTokens(8);
            List<Integer> expected = new ArrayList<>();
            int[] ids = TEXT;
            for (int i = 0; i < 8; i++) {
                float[] logits = Models.logits(model, ids);
                int next = likeliest(logits, logits.length - model.vocabularySize());
                expected.add(next);
                ids = IntStream.concat(IntStream.of(ids), IntStream.of(next)).toArray();
            }
            int[] found = new Generator(model, Set.of())
                    .generate(List.of(TEXT), settings)
                    .getFirst()
                    .ids();
            assertThat(found).containsExactly(expected.stream().mapToInt(i -> i).toArray());
        }
    }

    private static int likeliest(float[] logits, int from) {
        return IntStream.range(from, logits.length)
                        .reduce((a, b) -> logits[b] > logits[a] ? b : a)
                        .orElseThrow()
                - from;
    }

    // ---------------------------------------------------------------- training

    private static void train(LanguageModel model, double rate) {
        try (Optimizer adamW = new AdamW(model.parameters(), AdamWSettings.defaults(), AdamW.everyParameter())) {
            double before = Models.loss(model, TEXT);
            for (int step = 0; step < 4; step++) {
                try (Scope scope = Scope.open();
                        Tape tape = Tape.recording(Device.cpu(), 1, false)) {
                    int[] rows = IntStream.range(0, TEXT.length - 1).toArray();
                    Value logProbs = model.logProbs(
                            tape,
                            model.hidden(tape, TokenRun.document(TEXT)),
                            rows,
                            Arrays.copyOfRange(TEXT, 1, TEXT.length));
                    tape.backward(
                            logProbs,
                            Tensor.full(
                                    1, DType.F32, Device.cpu(), logProbs.data().shape()));
                }
                adamW.step(rate, -1.0 / TEXT.length);
                model.parameters().forEach(Parameter::clearGradient);
            }
            assertThat(Models.loss(model, TEXT)).isLessThan(before);
        }
    }

    private static void trainAll(String family, Path folder) {
        Path saved = folder.resolve("trained");
        try (LanguageModel model = Models.load(reference(family), LinearFactory.trainable())) {
            train(model, 0.01);
            Map<String, ModelDirectory.Weight> weights = new LinkedHashMap<>();
            model.parameters()
                    .forEach(p -> weights.put(
                            p.name(),
                            new ModelDirectory.Weight(DType.F32, p.master().shape(), p::master)));
            ModelDirectory.write(saved, reference(family), weights, DType.F32);
            requireSame(saved, LinearFactory.frozen(), model, 1e-5f);
        }
    }

    private static void requireSame(Path model, LinearFactory factory, LanguageModel expected, float tolerance) {
        try (LanguageModel found = Models.load(model, factory)) {
            assertThat(Models.logits(found, TEXT)).containsExactly(Models.logits(expected, TEXT), within(tolerance));
        }
    }

    private static Adapters allLinear() {
        return new Adapters(new Lora(2, 8, 0, Targets.allLinear()), 1);
    }

    private static void lora(String family, Path folder) {
        train(family, folder, reference(family), LinearFactory.frozen());
    }

    private static void qlora(String family, Path folder) {
        train(family, folder, reference(family), new QuantisedLinears(LinearFactory.frozen(), new Nf4(true)));
    }

    private static void train(String family, Path folder, Path base, LinearFactory frozen) {
        Adapters adapters = allLinear();
        try (LanguageModel model = Models.load(base, adapters.over(frozen))) {
            assertThat(adapters.adapted().keySet())
                    .containsExactlyInAnyOrderElementsOf(
                            Architectures.of(ModelConfig.read(base)).linearLayers(ModelConfig.read(base)));
            train(model, 0.02);
        }
    }

    // ---------------------------------------------------------------- adapters

    private static void peftIn(String family, Path folder) {
        Path adapter = Goldens.path(REFERENCES.get(family).adapter);
        Adapters adapters = Adapters.read(adapter);
        boolean run = adapter.endsWith("adapter-final");
        Path logits = run ? adapter.getParent() : adapter;
        try (LanguageModel model = Models.load(reference(family), adapters.over(LinearFactory.frozen()))) {
            adapters.load(adapter);
            requireLogits(model, run ? ids(logits) : sequence(reference(family)), logits);
        }
    }

    private static int[] ids(Path run) {
        try (WeightFiles file = WeightFiles.openFile(run.resolve("logits.safetensors"))) {
            return Arrays.stream(file.data("ids.0").toArray(java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED))
                    .mapToInt(Math::toIntExact)
                    .toArray();
        }
    }

    /// What PEFT saved is saved again as PEFT saved it.
    private static void peftOut(String family, Path folder) {
        Path adapter = Goldens.path(REFERENCES.get(family).adapter);
        Adapters adapters = Adapters.read(adapter);
        try (LanguageModel model = Models.load(reference(family), adapters.over(LinearFactory.frozen()))) {
            adapters.load(adapter);
            adapters.save(folder, "base");
        }
        String name = "adapter_model.safetensors";
        try (WeightFiles theirs = WeightFiles.openFile(adapter.resolve(name));
                WeightFiles ours = WeightFiles.openFile(folder.resolve(name))) {
            assertThat(ours.names()).containsExactlyInAnyOrderElementsOf(theirs.names());
            theirs.names()
                    .forEach(key -> assertThat(ours.data(key).mismatch(theirs.data(key)))
                            .isEqualTo(-1));
        }
        JsonNode config = dev.graft.format.Json.readObject(folder.resolve("adapter_config.json"), "settings");
        assertThat(config.path("peft_type").asText()).isEqualTo("LORA");
    }

    private static void merge(String family, Path folder) {
        Path adapter = Goldens.path(REFERENCES.get(family).adapter);
        Adapters adapters = Adapters.read(adapter);
        Merge.run(reference(family), adapter, folder.resolve("merged"), Optional.empty());
        try (LanguageModel worn = Models.load(reference(family), adapters.over(LinearFactory.frozen()))) {
            adapters.load(adapter);
            requireSame(folder.resolve("merged"), LinearFactory.frozen(), worn, 1e-4f);
        }
    }

    // ---------------------------------------------------------------- GGUF

    private static Path random(String family, Path folder) {
        Map<String, Object> settings = new HashMap<>(GgufExportTest.settingsOf(family));
        settings.put("num_hidden_layers", 2);
        return RandomModel.in(folder, settings);
    }

    private static void ggufOut(String family, Path folder) {
        Path model = random(family, folder);
        for (GgufExport.Type type : GgufExport.Type.values()) {
            Path file = folder.resolve(type + ".gguf");
            GgufExport.run(model, file, type);
            try (Gguf gguf = Gguf.open(file)) {
                assertThat(gguf.text("general.architecture")).isPresent();
            }
        }
    }

    private static void ggufIn(String family, Path folder) {
        Path model = random(family, folder);
        Path file = folder.resolve("model.gguf");
        GgufExport.run(model, file, GgufExport.Type.F32);
        try (LanguageModel expected = Models.load(model, LinearFactory.frozen())) {
            requireSame(file, LinearFactory.frozen(), expected, 1e-4f);
        }
        train(family, folder, file, LinearFactory.frozen());
    }

    private static void ggufLora(String family, Path folder) throws IOException {
        Path model = random(family, folder);
        Path adapter = folder.resolve("adapter");
        Adapters adapters = allLinear();
        int layers;
        try (LanguageModel trained = Models.load(model, adapters.over(LinearFactory.frozen()))) {
            train(trained, 0.02);
            adapters.save(adapter, "base");
            layers = adapters.adapted().size();
        }
        assertThat(GgufAdapter.run(adapter, model, folder.resolve("adapter.gguf"), GgufType.F16)
                        .layers())
                .isEqualTo(layers);
    }
}
