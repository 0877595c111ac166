package dev.graft.export;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.graft.Models;
import dev.graft.format.AdapterWeights;
import dev.graft.format.AtomicFiles;
import dev.graft.format.FormatException;
import dev.graft.format.Gguf;
import dev.graft.format.GgufType;
import dev.graft.format.Json;
import dev.graft.format.SafetensorsWriter;
import dev.graft.format.WeightFiles;
import dev.graft.model.Architecture;
import dev.graft.model.Architectures;
import dev.graft.model.LanguageModel;
import dev.graft.model.ModelConfig;
import dev.graft.nn.LinearFactory;
import dev.graft.tensor.DType;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import dev.graft.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.function.ToIntFunction;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/// Adapters as GGUF files: in llama.cpp, base and adapter compute what `W + s·B·A` computes.
class GgufAdapterTest {
    private static final String PROMPT = "abc the quick brown fox";
    private static final int TOKENS = 24;
    private static final Map<String, Integer> RANKS = Map.of(
            "model.layers.0.self_attn.q_proj",
            4,
            "model.layers.1.self_attn.k_proj",
            2,
            "model.layers.1.mlp.down_proj",
            4);

    private static final Map<String, Object> MIXTRAL =
            Map.of("model_type", "mixtral", "num_local_experts", 4, "num_experts_per_tok", 2);

    @TempDir
    Path folder;

    static Stream<Arguments> scales() {
        return Stream.of(
                Arguments.of(Map.of(), 6.0 / 4, 6.0 / 2, 6.0 / 4),
                Arguments.of(Map.of("use_rslora", true), 6.0 / 2, 6.0 / Math.sqrt(2), 6.0 / 2),
                Arguments.of(
                        Map.of(
                                "rank_pattern",
                                Map.of("k_proj", 2),
                                "alpha_pattern",
                                Map.of("layers.1.mlp.down_proj", 10)),
                        6.0 / 4,
                        6.0 / 2,
                        10.0 / 4),
                Arguments.of(
                        Map.of("use_rslora", true, "alpha_pattern", Map.of("q_proj", 1)),
                        1.0 / 2,
                        6.0 / Math.sqrt(2),
                        6.0 / 2));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("scales")
    void llamaCppComputesTheChangeThatPeftDefines(Map<String, Object> settings, double q, double k, double down)
            throws IOException {
        Path model = RandomModel.in(folder, Map.of("model_type", "llama"));
        Path adapter = adapter(settings);
        Path base = folder.resolve("base.gguf");
        Path file = folder.resolve("adapter.gguf");
        GgufExport.run(model, base, GgufExport.Type.F32);
        GgufAdapter.run(adapter, model, file, GgufType.F32);
        String theirs = LlamaCpp.greedy(base, Optional.of(file), PROMPT, TOKENS);
        merge(
                model,
                adapter,
                Map.of(
                        "model.layers.0.self_attn.q_proj", q,
                        "model.layers.1.self_attn.k_proj", k,
                        "model.layers.1.mlp.down_proj", down));
        try (Tokenizer tokenizer = Tokenizer.load(model);
                LanguageModel merged = Models.load(model, LinearFactory.frozen())) {
            assertThat(theirs)
                    .isEqualTo(GgufExportTest.greedy(merged, tokenizer, PROMPT, TOKENS))
                    .isNotEqualTo(LlamaCpp.greedy(base, Optional.empty(), PROMPT, TOKENS));
        }
    }

    static Stream<Arguments> families() {
        return Stream.of(
                Arguments.of(GgufExportTest.gpt2(true)),
                Arguments.of(Map.of("model_type", "phi3", "sliding_window", 64)),
                Arguments.of(MIXTRAL));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("families")
    void llamaCppAddsToEveryLinearLayerWhatAMergeAdds(Map<String, Object> family) throws IOException {
        Path model = RandomModel.in(folder, family);
        Path adapter = adapterOfAll(model, module -> 2);
        Path base = folder.resolve("base.gguf");
        Path file = folder.resolve("adapter.gguf");
        GgufExport.run(model, base, GgufExport.Type.F32);
        GgufAdapter.run(adapter, model, file, GgufType.F32);
        Path merged = folder.resolve("merged");
        Merge.run(model, adapter, merged, Optional.empty());
        try (Tokenizer tokenizer = Tokenizer.load(model);
                LanguageModel expected = Models.load(merged, LinearFactory.frozen())) {
            assertThat(LlamaCpp.greedy(base, Optional.of(file), PROMPT, TOKENS))
                    .isEqualTo(GgufExportTest.greedy(expected, tokenizer, PROMPT, TOKENS))
                    .isNotEqualTo(LlamaCpp.greedy(base, Optional.empty(), PROMPT, TOKENS));
        }
    }

    @Test
    void expertsShareOneTensorAndSomeOfThemAloneAreRefused() throws IOException {
        Path model = RandomModel.in(folder, MIXTRAL);
        Path file = folder.resolve("a.gguf");
        GgufAdapter.run(adapterOfAll(model, module -> 2), model, file, GgufType.F16);
        try (Gguf gguf = Gguf.open(file)) {
            assertThat(gguf.entry("blk.0.ffn_gate_exps.weight.lora_a").shape()).containsExactly(4, 2, 32);
            assertThat(gguf.entry("blk.1.ffn_down_exps.weight.lora_b").shape()).containsExactly(4, 32, 2);
            assertThat(gguf.entry("blk.1.ffn_gate_inp.weight.lora_b").shape()).containsExactly(4, 2);
        }
        refused(model, adapterOfAll(model, module -> module.endsWith("experts.3.w1") ? 0 : 2), "3 of the 4 experts");
        refused(
                model,
                adapterOfAll(model, module -> module.endsWith("experts.3.w1") ? 1 : 2),
                "experts.0.w1 has rank 2",
                "experts.3.w1 has rank 1");
    }

    private void refused(Path model, Path adapter, String... words) {
        assertThatExceptionOfType(FormatException.class)
                .isThrownBy(() -> GgufAdapter.run(adapter, model, folder.resolve("refused.gguf"), GgufType.F32))
                .withMessageContainingAll(words)
                .withMessageContaining("graft merge");
    }

    @Test
    void metadataIsWhatLlamaCppLooksFor() throws IOException {
        Path model = RandomModel.in(folder, Map.of("model_type", "llama"));
        GgufAdapter.run(adapter(Map.of()), model, folder.resolve("a.gguf"), GgufType.F16);
        try (Gguf gguf = Gguf.open(folder.resolve("a.gguf"))) {
            assertThat(gguf.text("general.type")).contains("adapter");
            assertThat(gguf.text("adapter.type")).contains("lora");
            assertThat(gguf.text("general.architecture")).contains("llama");
            assertThat(gguf.number("adapter.lora.alpha")).contains(6.0);
            assertThat(gguf.entry("blk.0.attn_q.weight.lora_a").shape()).containsExactly(4, 32);
            assertThat(gguf.entry("blk.1.ffn_down.weight.lora_b").shape()).containsExactly(32, 4);
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "use_dora                | true",
                "init_lora_weights       | \"pissa\"",
                "lora_bias               | true",
                "bias                    | \"lora_only\"",
                "modules_to_save         | [\"lm_head\"]",
                "trainable_token_indices | [3]",
            })
    void whatTheFormatCannotSayIsRefusedByName(String key, String value) throws IOException {
        Path model = RandomModel.in(folder, Map.of("model_type", "llama"));
        Path adapter = adapter(Map.of(key, new ObjectMapper().readTree(value)));
        assertThatExceptionOfType(FormatException.class)
                .isThrownBy(() -> GgufAdapter.run(adapter, model, folder.resolve("a.gguf"), GgufType.F32))
                .withMessageContainingAll(key, "graft merge");
        assertThat(folder.resolve("a.gguf")).doesNotExist();
    }

    @Test
    void settingsThatGraftDoesNotHonourAreRefused() throws IOException {
        Path model = RandomModel.in(folder, Map.of("model_type", "llama"));
        Path adapter = adapter(Map.of("init_lora_weights", "corda", "use_qalora", true));
        assertThatExceptionOfType(FormatException.class)
                .isThrownBy(() -> GgufAdapter.run(adapter, model, folder.resolve("a.gguf"), GgufType.F32))
                .withMessageContainingAll("corda", "use_qalora");
    }

    @Test
    void factorsOfAnotherRankThanTheSettingsSayAreRefused() throws IOException {
        Path model = RandomModel.in(folder, Map.of("model_type", "llama"));
        Path adapter = adapter(Map.of("rank_pattern", Map.of()));
        assertThatExceptionOfType(FormatException.class)
                .isThrownBy(() -> GgufAdapter.run(adapter, model, folder.resolve("a.gguf"), GgufType.F32))
                .withMessageContainingAll("k_proj have rank 2", "expected rank 4");
    }

    @Test
    void patternsAreReadAsPythonReadsThem() throws IOException {
        Path model = RandomModel.in(folder, Map.of("model_type", "llama"));
        Path adapter = adapter(Map.of("alpha_pattern", Map.of("(?P<part>q_proj)", 12)));
        GgufAdapter.run(adapter, model, folder.resolve("a.gguf"), GgufType.F32);
        try (Scope scope = Scope.open();
                Gguf gguf = Gguf.open(folder.resolve("a.gguf"));
                AdapterWeights files = AdapterWeights.open(adapter)) {
            double before = files.tensor("base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight")
                    .norm();
            Tensor written = Tensor.over(gguf.data("blk.0.attn_q.weight.lora_b"), DType.F32, 32, 4);
            assertThat(written.norm()).isCloseTo(2 * before, within(1e-4 * before));
        }
    }

    @Test
    void anotherBaseIsRefused() throws IOException {
        Path model = RandomModel.in(folder, Map.of("model_type", "llama", "hidden_size", 64));
        Path adapter = adapter(Map.of());
        assertThatExceptionOfType(FormatException.class)
                .isThrownBy(() -> GgufAdapter.run(adapter, model, folder.resolve("a.gguf"), GgufType.F32))
                .withMessageContainingAll("q_proj", "[r, 64]", "--base");
    }

    /// An adapter of [#RANKS] with random factors for [RandomModel].
    private Path adapter(Map<String, ?> settings) throws IOException {
        Path adapter = Files.createDirectory(folder.resolve("adapter"));
        Map<String, Object> config = new LinkedHashMap<>(Map.of("peft_type", "LORA", "r", 4, "lora_alpha", 6));
        config.put("target_modules", List.of("q_proj", "k_proj", "down_proj"));
        config.put("rank_pattern", Map.of("k_proj", 2));
        config.putAll(settings);
        AtomicFiles.writeString(adapter.resolve("adapter_config.json"), Json.pretty(config));
        Map<String, int[]> sizes =
                Map.of("q_proj", new int[] {32, 32}, "k_proj", new int[] {16, 32}, "down_proj", new int[] {32, 64});
        try (Scope scope = Scope.open()) {
            List<SafetensorsWriter.Part> parts = new ArrayList<>();
            SplittableRandom random = new SplittableRandom(9);
            RANKS.forEach((module, rank) -> {
                int[] size = sizes.get(module.substring(module.lastIndexOf('.') + 1));
                parts.add(part(module + ".lora_A.weight", random, rank, size[1]));
                parts.add(part(module + ".lora_B.weight", random, size[0], rank));
            });
            SafetensorsWriter.write(adapter.resolve("adapter_model.safetensors"), parts);
        }
        return adapter;
    }

    /// An adapter of every linear layer with random factors.
    ///
    /// @param ranks by layer; 0 leaves a layer out
    private Path adapterOfAll(Path model, ToIntFunction<String> ranks) throws IOException {
        Path adapter = Files.createDirectories(folder.resolve("adapter-of-all"));
        ModelConfig config = ModelConfig.read(model);
        Architecture architecture = Architectures.of(config);
        Map<String, Object> settings = new LinkedHashMap<>(
                Map.of("peft_type", "LORA", "r", 2, "lora_alpha", 3, "target_modules", "all-linear"));
        settings.put(
                "rank_pattern",
                architecture.linearLayers(config).stream()
                        .filter(module -> ranks.applyAsInt(module) == 1)
                        .collect(Collectors.toMap(module -> module, module -> 1)));
        AtomicFiles.writeString(adapter.resolve("adapter_config.json"), Json.pretty(settings));
        Map<String, long[]> tensors = architecture.tensors(config);
        boolean transposed = config.modelType().equals("gpt2");
        try (Scope scope = Scope.open()) {
            List<SafetensorsWriter.Part> parts = new ArrayList<>();
            SplittableRandom random = new SplittableRandom(9);
            for (String module : architecture.linearLayers(config)) {
                int rank = ranks.applyAsInt(module);
                long[] shape = tensors.get(module + ".weight");
                if (rank > 0) {
                    parts.add(part(module + ".lora_A.weight", random, rank, shape[transposed ? 0 : 1]));
                    parts.add(part(module + ".lora_B.weight", random, shape[transposed ? 1 : 0], rank));
                }
            }
            SafetensorsWriter.write(adapter.resolve("adapter_model.safetensors"), parts);
        }
        return adapter;
    }

    private static SafetensorsWriter.Part part(String name, SplittableRandom random, long rows, long columns) {
        float[] values = new float[(int) (rows * columns)];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (0.2 * random.nextGaussian());
        }
        Tensor tensor = Tensor.of(values, rows, columns);
        return new SafetensorsWriter.Part("base_model.model." + name, DType.F32, tensor.shape(), tensor.memory());
    }

    /// `W + s·B·A` in place of `W`.
    private static void merge(Path model, Path adapter, Map<String, Double> scales) {
        Path file = model.resolve("model.safetensors");
        try (Scope scope = Scope.open()) {
            List<SafetensorsWriter.Part> parts = new ArrayList<>();
            try (WeightFiles weights = WeightFiles.openFile(file);
                    WeightFiles factors = WeightFiles.openFile(adapter.resolve("adapter_model.safetensors"))) {
                for (String name : weights.names()) {
                    Tensor weight = tensor(weights, name);
                    String module = name.replaceFirst("\\.weight$", "");
                    if (scales.containsKey(module)) {
                        Tensor a = tensor(factors, "base_model.model." + module + ".lora_A.weight");
                        Tensor b = tensor(factors, "base_model.model." + module + ".lora_B.weight");
                        weight = weight.add(b.mm(a).mul(scales.get(module)));
                    }
                    parts.add(new SafetensorsWriter.Part(name, DType.F32, weight.shape(), weight.memory()));
                }
            }
            SafetensorsWriter.write(file, parts);
        }
    }

    private static Tensor tensor(WeightFiles files, String name) {
        Tensor copy = Tensor.empty(
                DType.F32, dev.graft.tensor.Device.cpu(), files.entry(name).shape());
        copy.memory().copyFrom(files.data(name));
        return copy;
    }
}
