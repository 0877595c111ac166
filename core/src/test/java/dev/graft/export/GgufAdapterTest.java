package dev.graft.export;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.graft.Models;
import dev.graft.format.AtomicFiles;
import dev.graft.format.FormatException;
import dev.graft.format.Gguf;
import dev.graft.format.GgufType;
import dev.graft.format.Json;
import dev.graft.format.SafetensorsWriter;
import dev.graft.format.WeightFiles;
import dev.graft.model.LanguageModel;
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
                "lora_bias               | true",
                "bias                    | \"lora_only\"",
                "modules_to_save         | [\"lm_head\"]",
                "trainable_token_indices | [3]",
                "peft_type               | \"IA3\"",
            })
    void whatTheFormatCannotSayIsRefusedByName(String key, String value) throws IOException {
        Path model = RandomModel.in(folder, Map.of("model_type", "llama"));
        Path adapter = adapter(Map.of(key, new com.fasterxml.jackson.databind.ObjectMapper().readTree(value)));
        assertThatExceptionOfType(FormatException.class)
                .isThrownBy(() -> GgufAdapter.run(adapter, model, folder.resolve("a.gguf"), GgufType.F32))
                .withMessageContainingAll(key, "graft merge");
        assertThat(folder.resolve("a.gguf")).doesNotExist();
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
