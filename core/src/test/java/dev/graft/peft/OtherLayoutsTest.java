package dev.graft.peft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.graft.Goldens;
import dev.graft.Models;
import dev.graft.export.Merge;
import dev.graft.export.MergeReport;
import dev.graft.format.Json;
import dev.graft.format.WeightFiles;
import dev.graft.model.LanguageModel;
import dev.graft.nn.LinearFactory;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/// Adapters of layers that do not lie in files as PEFT sees them: GPT-2's, stored `[in, out]`, and
/// experts, which Transformers stacks. The adapters under `goldens/` were made by PEFT with
/// `scripts/goldens_gpt2_moe.py`.
class OtherLayoutsTest {
    private static final Lora EXPERTS = new Lora(2, 6, 0, Targets.names("q_proj"))
            .withTargetParameters("mlp.experts.gate_up_proj", "mlp.experts.down_proj", "gate.weight");

    @TempDir
    Path folder;

    // ---------------------------------------------------------------- adapters made by PEFT

    @ParameterizedTest
    @CsvSource({
        "gpt2-tiny, adapter-all",
        "mixtral-tiny, adapter-all",
        "mixtral-tiny, adapter-down",
        "qwen3-moe-tiny, adapter-experts"
    })
    void anAdapterMadeByPeftHasPeftsLogits(String model, String adapter) {
        Path directory = Goldens.path(model + "/" + adapter);
        Adapters adapters = Adapters.read(directory);
        try (LanguageModel adapted = Models.load(Goldens.path(model), adapters.over(LinearFactory.frozen()))) {
            adapters.load(directory);
            assertLogits(adapted, directory);
            adapters.save(folder.resolve("again"), model);
            assertThat(tensors(folder.resolve("again"))).isEqualTo(tensors(directory));
        }
    }

    @ParameterizedTest
    @CsvSource({"gpt2-tiny, adapter-all", "mixtral-tiny, adapter-all", "qwen3-moe-tiny, adapter-experts"})
    void mergedItHasTheSameLogits(String model, String adapter) {
        Path directory = Goldens.path(model + "/" + adapter);
        Merge.run(Goldens.path(model), directory, folder.resolve("merged"), Optional.empty());
        try (LanguageModel merged = Models.load(folder.resolve("merged"), LinearFactory.frozen())) {
            assertLogits(merged, directory);
        }
    }

    private static void assertLogits(LanguageModel model, Path golden) {
        try (WeightFiles file = WeightFiles.openFile(golden.resolve("logits.safetensors"))) {
            for (int i = 0; i < 3; i++) {
                var stored = file.data("ids." + i);
                int[] ids = IntStream.range(0, (int) (stored.byteSize() / 8))
                        .map(t -> (int) stored.get(java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED, 8L * t))
                        .toArray();
                assertThat(Models.logits(model, ids))
                        .containsExactly(Goldens.floats(file, "logits." + i), within(1e-4f));
            }
        }
    }

    private static Map<String, List<Float>> tensors(Path adapter) {
        try (WeightFiles files = WeightFiles.openFile(adapter.resolve("adapter_model.safetensors"))) {
            return files.names().stream()
                    .collect(Collectors.toMap(name -> name, name -> list(Goldens.floats(files, name))));
        }
    }

    private static List<Float> list(float[] values) {
        return IntStream.range(0, values.length).mapToObj(i -> values[i]).toList();
    }

    // ---------------------------------------------------------------- adapters of our own

    private static Stream<Arguments> own() {
        return Stream.of(
                Arguments.of("gpt2-tiny", new Lora(2, 6, 0, Targets.allLinear())),
                Arguments.of("gpt2-tiny", new Lora(2, 6, 0, Targets.names("c_attn")).withDora()),
                Arguments.of("gpt2-tiny", new Lora(2, 6, 0, Targets.names("c_fc")).withModulesToSave("c_attn")),
                Arguments.of("mixtral-tiny", new Lora(2, 6, 0, Targets.allLinear())),
                Arguments.of("mixtral-tiny", EXPERTS),
                Arguments.of("qwen3-moe-tiny", EXPERTS),
                Arguments.of("qwen3-moe-tiny", new Lora(2, 6, 0, Targets.allLinear())),
                Arguments.of("qwen3-moe-step", new Lora(2, 6, 0, new Targets.Regex(".*layers\\.0\\.mlp\\..*_proj"))),
                Arguments.of("qwen3-moe-step", new Lora(2, 6, 0, Targets.none(), "mlp.experts.gate_up_proj")));
    }

    @ParameterizedTest
    @MethodSource("own")
    void savedLoadedAndMergedItComputesTheSame(String name, Lora settings) {
        Path base = Goldens.path(name);
        int[] ids = {5, 17, 3, 44, 60, 21, 8, 8, 30};
        Adapters adapters = new Adapters(settings, 1);
        float[] expected;
        try (LanguageModel model = Models.load(base, adapters.over(LinearFactory.frozen()));
                LanguageModel plain = Models.load(base, LinearFactory.frozen())) {
            assertThat(Models.logits(model, ids)).containsExactly(Models.logits(plain, ids), within(1e-5f));
            Models.move(model);
            expected = Models.logits(model, ids);
            assertThat(expected[7]).isNotCloseTo(Models.logits(plain, ids)[7], within(1e-3f));
            adapters.save(folder.resolve("adapter"), name);
        }
        Adapters again = Adapters.read(folder.resolve("adapter"));
        try (LanguageModel model = Models.load(base, again.over(LinearFactory.frozen()))) {
            again.load(folder.resolve("adapter"));
            assertThat(Models.logits(model, ids)).containsExactly(expected);
        }
        MergeReport report = Merge.run(base, folder.resolve("adapter"), folder.resolve("merged"), Optional.empty());
        assertThat(report.roundingError()).isBetween(0.0, 1e-5);
        try (LanguageModel merged = Models.load(folder.resolve("merged"), LinearFactory.frozen())) {
            assertThat(Models.logits(merged, ids)).containsExactly(expected, within(5e-5f));
        }
    }

    @Test
    void theConfigurationOfGpt2SaysThatWeightsAreTransposed() {
        assertThat(config("gpt2-tiny", new Lora(2, 6, 0, Targets.names("c_attn")))
                        .path("fan_in_fan_out")
                        .asBoolean())
                .isTrue();
        var experts = config("mixtral-tiny", EXPERTS);
        assertThat(experts.path("fan_in_fan_out").asBoolean()).isFalse();
        assertThat(experts.path("target_parameters").toString())
                .isEqualTo("[\"gate.weight\",\"mlp.experts.down_proj\",\"mlp.experts.gate_up_proj\"]");
        var none = config("mixtral-tiny", new Lora(2, 6, 0, Targets.none(), "gate_up_proj"));
        assertThat(none.path("target_modules").toString()).isEqualTo("[]");
    }

    private com.fasterxml.jackson.databind.JsonNode config(String name, Lora settings) {
        Adapters adapters = new Adapters(settings, 1);
        try (LanguageModel _ = Models.load(Goldens.path(name), adapters.over(LinearFactory.frozen()))) {
            adapters.save(folder.resolve("config"), name);
        }
        return Json.readObject(folder.resolve("config/adapter_config.json"), "a configuration");
    }

    /// The first of two parameters of one module is inside the wrapper of the second.
    @Test
    void aLoneParameterStandsUnderItsModule() {
        Path base = Goldens.path("mixtral-tiny");
        for (String parameter : List.of("gate_up_proj", "down_proj")) {
            Adapters adapters = new Adapters(new Lora(2, 6, 0, Targets.none(), parameter), 1);
            try (LanguageModel _ = Models.load(base, adapters.over(LinearFactory.frozen()))) {
                adapters.save(folder.resolve(parameter), "mixtral-tiny");
                assertThat(tensors(folder.resolve(parameter)))
                        .containsOnlyKeys(
                                "base_model.model.model.layers.0.mlp.experts.lora_A.weight",
                                "base_model.model.model.layers.0.mlp.experts.lora_B.weight",
                                "base_model.model.model.layers.1.mlp.experts.lora_A.weight",
                                "base_model.model.model.layers.1.mlp.experts.lora_B.weight");
            }
        }
    }

    // ---------------------------------------------------------------- what PEFT could not load

    private static Stream<Arguments> refused() {
        Lora all = new Lora(2, 6, 0, Targets.allLinear());
        return Stream.of(
                Arguments.of("mixtral-tiny", new Lora(2, 6, 0.1, Targets.allLinear()), "lora_dropout is 0.1"),
                Arguments.of("mixtral-tiny", new Lora(2, 6, 0.1, Targets.names("gate")), "lora_dropout is 0.1"),
                Arguments.of("mixtral-tiny", EXPERTS.withDora(), "use_dora is true"),
                Arguments.of("mixtral-tiny", all.withRslora(), "[mlp.experts.gate_up_proj] instead"),
                Arguments.of("mixtral-tiny", new Lora(2, 6, 0, Targets.names("w1", "q_proj")), "8 of the 16 layers"),
                Arguments.of(
                        "mixtral-tiny",
                        new Lora(2, 6, 0, new Targets.Regex(".*layers\\.0\\..*w2")),
                        "4 of the 8 layers that Transformers stacks as mlp.experts.down_proj (w2"),
                Arguments.of(
                        "mixtral-tiny", all.withPatterns(Map.of("w2", 4), Map.of()), "[mlp.experts.down_proj] instead"),
                Arguments.of(
                        "qwen3-moe-tiny",
                        new Lora(2, 6, 0, new Targets.Regex(".*layers\\.1\\.mlp\\..*_proj")).withDora(),
                        "use_dora is true"),
                Arguments.of(
                        "qwen3-moe-tiny",
                        all.withPatterns(Map.of("mlp.up_proj", 4), Map.of()),
                        "[mlp.up_proj.weight] instead"),
                Arguments.of("mixtral-tiny", all.withTargetParameters("down_proj"), "target_modules names its layer"),
                Arguments.of(
                        "mixtral-tiny",
                        EXPERTS.withTargetParameters("mlp.experts.w1"),
                        "mlp.gate.weight, mlp.experts.gate_up_proj, mlp.experts.down_proj"),
                Arguments.of(
                        "gpt2-tiny",
                        EXPERTS.with(Selection.of(Targets.names("c_attn")).withParameters("c_fc.weight")),
                        "stored the other way round"));
    }

    @ParameterizedTest
    @MethodSource("refused")
    void whatPeftCouldNotLoadIsRefused(String name, Lora settings, String words) {
        assertThatThrownBy(
                        () -> Models.load(Goldens.path(name), new Adapters(settings, 1).over(LinearFactory.frozen())))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(words);
    }
}
