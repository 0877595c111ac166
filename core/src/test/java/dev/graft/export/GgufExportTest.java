package dev.graft.export;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.within;

import dev.graft.Models;
import dev.graft.SharedData;
import dev.graft.autograd.Tape;
import dev.graft.format.FormatException;
import dev.graft.format.Gguf;
import dev.graft.format.GgufValue;
import dev.graft.format.GgufWriter;
import dev.graft.generate.GenerationSettings;
import dev.graft.generate.TextGenerator;
import dev.graft.model.LanguageModel;
import dev.graft.nn.LinearFactory;
import dev.graft.nn.TokenRun;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/// Written files, read by Graft and by llama.cpp.
class GgufExportTest {
    private static final String TEXT = "abc the quick brown fox";

    @TempDir
    Path folder;

    /// The llama.cpp of the tests is older than these families.
    private static final List<String> TOO_NEW = List.of("qwen3", "qwen3_moe");

    static Stream<Arguments> families() {
        Map<String, Object> llama3 = Map.of(
                "rope_type", "llama3",
                "factor", 8.0,
                "low_freq_factor", 1.0,
                "high_freq_factor", 4.0,
                "original_max_position_embeddings", 8192);
        return Stream.of(
                Arguments.of("llama", Map.of("model_type", "llama", "tie_word_embeddings", false)),
                Arguments.of("llama tied", Map.of("model_type", "llama", "tie_word_embeddings", true)),
                Arguments.of("llama 3", Map.of("model_type", "llama", "rope_scaling", llama3, "rope_theta", 500_000.0)),
                Arguments.of(
                        "llama linear",
                        Map.of("model_type", "llama", "rope_scaling", Map.of("rope_type", "linear", "factor", 2.0))),
                Arguments.of("llama biases", Map.of("model_type", "llama", "attention_bias", true)),
                Arguments.of(
                        "llama yarn",
                        Map.of(
                                "model_type",
                                "llama",
                                "rope_scaling",
                                Map.of("rope_type", "yarn", "factor", 4.0, "original_max_position_embeddings", 16))),
                Arguments.of("mistral", Map.of("model_type", "mistral", "sliding_window", 64)),
                Arguments.of("qwen2", Map.of("model_type", "qwen2", "tie_word_embeddings", false)),
                Arguments.of("qwen3", Map.of("model_type", "qwen3", "head_dim", 16, "tie_word_embeddings", true)),
                Arguments.of("phi3", Map.of("model_type", "phi3", "sliding_window", 64)),
                Arguments.of("phi3 in part", Map.of("model_type", "phi3", "partial_rotary_factor", 0.5)),
                Arguments.of("phi3 longrope, short", longRope(256)),
                Arguments.of("phi3 longrope, long", longRope(16)),
                Arguments.of(
                        "mixtral", Map.of("model_type", "mixtral", "num_local_experts", 4, "num_experts_per_tok", 2)),
                Arguments.of(
                        "qwen3_moe",
                        Map.of(
                                "model_type",
                                "qwen3_moe",
                                "num_experts",
                                6,
                                "num_experts_per_tok",
                                3,
                                "moe_intermediate_size",
                                24,
                                "norm_topk_prob",
                                true,
                                "head_dim",
                                16)),
                Arguments.of("gpt2", gpt2(true)),
                Arguments.of("gpt2 untied", gpt2(false)),
                Arguments.of("gemma3", gemma3(Map.of())),
                Arguments.of(
                        "gemma3 scaled", gemma3(Map.of("rope_scaling", Map.of("rope_type", "linear", "factor", 8.0)))),
                Arguments.of(
                        "gemma2",
                        Map.of(
                                "model_type",
                                "gemma2",
                                "num_hidden_layers",
                                26, // llama.cpp knows models by their layers
                                "head_dim",
                                16,
                                "query_pre_attn_scalar",
                                16,
                                "sliding_window",
                                8,
                                "attn_logit_softcapping",
                                50.0,
                                "final_logit_softcapping",
                                30.0,
                                "hidden_activation",
                                "gelu_pytorch_tanh")));
    }

    /// llama.cpp takes the long divisors when its context, here 256 tokens, is longer than `original`;
    /// Graft when the text is.
    private static Map<String, Object> longRope(int original) {
        return Map.of(
                "model_type",
                "phi3",
                "max_position_embeddings",
                512,
                "original_max_position_embeddings",
                original,
                "sliding_window",
                512,
                "rope_scaling",
                Map.of(
                        "type", "longrope",
                        "short_factor", List.of(1.0, 1.1, 1.5, 2.0),
                        "long_factor", List.of(1.0, 2.0, 5.5, 30.0)));
    }

    static Map<String, Object> gpt2(boolean tied) {
        return Map.of(
                "model_type",
                "gpt2",
                "n_embd",
                32,
                "n_layer",
                2,
                "n_head",
                4,
                "n_positions",
                64,
                "layer_norm_epsilon",
                1e-5,
                "tie_word_embeddings",
                tied);
    }

    /// Of the first model of a family.
    static Map<String, Object> settingsOf(String modelType) {
        return families()
                .map(family -> settings(family.get()[1]))
                .filter(settings -> settings.get("model_type").equals(modelType))
                .findFirst()
                .orElseThrow();
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> settings(Object argument) {
        return (Map<String, Object>) argument;
    }

    private static Map<String, Object> gemma3(Map<String, Object> more) {
        Map<String, Object> settings = new HashMap<>(more);
        settings.putAll(Map.of(
                "model_type",
                "gemma3_text",
                "num_hidden_layers",
                26, // llama.cpp knows models by their layers
                "head_dim",
                16,
                "query_pre_attn_scalar",
                16,
                "sliding_window",
                8,
                "rope_theta",
                1_000_000.0,
                "hidden_activation",
                "gelu_pytorch_tanh"));
        return settings;
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("families")
    void everyFamilyComesBackAndRunsInLlamaCpp(String name, Map<String, Object> settings) {
        Path model = RandomModel.in(folder, settings);
        Path file = folder.resolve("model.gguf");
        GgufExport.run(model, file, GgufExport.Type.F32);
        try (LanguageModel before = Models.load(model, LinearFactory.frozen());
                LanguageModel after = Models.load(file, LinearFactory.frozen());
                Tokenizer tokenizer = Tokenizer.load(file)) {
            int[] ids = tokenizer.encode(TEXT, true);
            assertThat(Models.logits(after, ids)).containsExactly(Models.logits(before, ids), within(1e-5f));
            if (!TOO_NEW.contains(name)) {
                assertThat(LlamaCpp.ids(file, TEXT)).containsExactly(ids);
                assertThat(LlamaCpp.lastHidden(file, TEXT)).containsExactly(lastHidden(before, ids), within(2e-3f));
            }
        }
    }

    /// The hidden state of the last token, scaled to length one.
    static float[] lastHidden(LanguageModel model, int... ids) {
        try (Scope scope = Scope.open();
                Tape tape = Tape.silent(Device.cpu())) {
            float[] last = model.hidden(tape, TokenRun.document(ids))
                    .data()
                    .narrow(0, ids.length - 1, 1)
                    .toFloats();
            double length = Math.sqrt(IntStream.range(0, last.length)
                    .mapToDouble(i -> (double) last[i] * last[i])
                    .sum());
            for (int i = 0; i < last.length; i++) {
                last[i] /= (float) length;
            }
            return last;
        }
    }

    @ParameterizedTest
    @CsvSource({"F32, 1e-4, 1e-4", "F16, 2e-3, 2e-3", "BF16, 1e-2, 1e-2", "Q8_0, 2e-2, 3e-2", "Q4_0, 0.2, 3e-2"})
    void aTrainedModelIsTheSameInLlamaCpp(GgufExport.Type type, float fromExact, float fromOurs) throws IOException {
        Path hub = SharedData.file("models/stories260k/hf");
        Path file = folder.resolve("stories.gguf");
        GgufExport.run(hub, file, type);
        String story =
                Files.readString(SharedData.file("text/tinystories_sample.txt")).substring(0, 250);
        try (LanguageModel exact = Models.load(hub, LinearFactory.frozen());
                LanguageModel ours = Models.load(file, LinearFactory.frozen());
                Tokenizer tokenizer = Tokenizer.load(file)) {
            int[] ids = tokenizer.encode(story, true);
            assertThat(LlamaCpp.ids(file, story)).containsExactly(Arrays.copyOfRange(ids, 1, ids.length));
            double loss = Models.loss(ours, ids) - Models.loss(exact, ids);
            assertThat(loss).isCloseTo(0, within(type == GgufExport.Type.Q4_0 ? 0.2 : 0.01));
            float[] theirs = LlamaCpp.lastHidden(file, story);
            assertThat(theirs).containsExactly(lastHidden(exact, ids), within(fromExact));
            assertThat(theirs).containsExactly(lastHidden(ours, ids), within(fromOurs));
            if (type != GgufExport.Type.Q4_0) {
                assertThat(LlamaCpp.greedy(file, Optional.empty(), "Once upon a time", 40))
                        .isEqualTo(greedy(exact, tokenizer, "Once upon a time", 40));
            }
        }
    }

    /// What follows a prompt, the likeliest token each time.
    static String greedy(LanguageModel model, Tokenizer tokenizer, String prompt, int tokens) {
        var generator = new TextGenerator(model, tokenizer);
        var settings = GenerationSettings.defaults().withTemperature(0).withMaxNewTokens(tokens);
        return generator.generate(prompt, settings).text();
    }

    @Test
    void exportingWhatWasImportedChangesNothing() throws IOException {
        Path first = folder.resolve("first.gguf");
        Path second = folder.resolve("second.gguf");
        GgufExport.run(RandomModel.in(folder, Map.of("model_type", "llama")), first, GgufExport.Type.Q8_0);
        GgufExport.run(first, second, GgufExport.Type.Q8_0);
        try (Gguf a = Gguf.open(first);
                Gguf b = Gguf.open(second)) {
            assertThat(b.entries()).isEqualTo(a.entries());
            a.entries()
                    .keySet()
                    .forEach(name -> assertThat(b.data(name).mismatch(a.data(name)))
                            .as(name)
                            .isEqualTo(-1));
            assertThat(b.texts("tokenizer.ggml.tokens")).isEqualTo(a.texts("tokenizer.ggml.tokens"));
            assertThat(b.metadata().keySet()).isEqualTo(a.metadata().keySet());
        }
    }

    @Test
    void someTensorsKeepMoreBits() {
        Path model = RandomModel.in(
                folder, Map.of("model_type", "llama", "intermediate_size", 40, "tie_word_embeddings", false));
        Path file = folder.resolve("model.gguf");
        GgufExport.run(model, file, GgufExport.Type.Q4_0);
        try (Gguf gguf = Gguf.open(file)) {
            assertThat(gguf.entry("blk.0.attn_q.weight").dtypeName()).isEqualTo("Q4_0");
            assertThat(gguf.entry("token_embd.weight").dtypeName()).isEqualTo("Q4_0");
            assertThat(gguf.entry("output.weight").dtypeName()).isEqualTo("Q8_0");
            assertThat(gguf.entry("blk.0.attn_norm.weight").dtypeName()).isEqualTo("F32");
            assertThat(gguf.entry("blk.0.ffn_down.weight").dtypeName()).isEqualTo("F16"); // rows of 40
            assertThat(gguf.whole("general.file_type")).contains(2L);
        }
    }

    @Test
    void whatLlamaCppCannotDoIsRefusedByName() throws IOException {
        Path model = RandomModel.in(folder, Map.of("model_type", "qwen2", "use_sliding_window", false));
        Path config = folder.resolve("config.json");
        String text = Files.readString(config);
        Files.writeString(config, text.replace("\"use_sliding_window\": false", "\"use_sliding_window\": true"));
        refused(model, "use_sliding_window", "it is true");
        Files.writeString(config, text);
        Path tokenizer = folder.resolve("tokenizer.json");
        String json = Files.readString(tokenizer);
        Files.writeString(tokenizer, json.replace("\"add_prefix_space\": false", "\"add_prefix_space\": true"));
        refused(model, "pre_tokenizer", "llama.cpp", "Run the model from its folder");
        Files.writeString(tokenizer, json.replace("\"BPE\"", "\"WordPiece\""));
        refused(model, "its model is WordPiece");
        assertThat(folder.resolve("refused.gguf")).doesNotExist();
    }

    static Stream<Arguments> refusals() {
        Map<String, Object> mixtureless = Map.of(
                "model_type",
                "qwen3_moe",
                "num_experts",
                4,
                "num_experts_per_tok",
                2,
                "moe_intermediate_size",
                32,
                "head_dim",
                8);
        return Stream.of(
                Arguments.of(mixtureless, "norm_topk_prob"),
                Arguments.of(
                        with(mixtureless, "norm_topk_prob", true, "mlp_only_layers", List.of(1)), "mlp_only_layers"),
                Arguments.of(with(gpt2(true), "activation_function", "gelu"), "activation_function"),
                Arguments.of(
                        with(gpt2(true), "scale_attn_by_inverse_layer_idx", true), "scale_attn_by_inverse_layer_idx"),
                Arguments.of(gemma3(Map.of("sliding_window_pattern", 3)), "sliding_window_pattern"),
                Arguments.of(gemma3(Map.of("rope_local_base_freq", 100.0)), "rope_local_base_freq"),
                Arguments.of(gemma3(Map.of("final_logit_softcapping", 30.0)), "final_logit_softcapping"),
                Arguments.of(
                        Map.of(
                                "model_type",
                                "llama",
                                "rope_scaling",
                                Map.of("rope_type", "yarn", "factor", 4.0, "attention_factor", 1.5)),
                        "attention_factor"),
                Arguments.of(
                        Map.of("model_type", "qwen2", "rope_scaling", Map.of("rope_type", "dynamic", "factor", 2.0)),
                        "rope_scaling"));
    }

    private static Map<String, Object> with(Map<String, Object> settings, Object... more) {
        Map<String, Object> all = new HashMap<>(settings);
        for (int i = 0; i < more.length; i += 2) {
            all.put((String) more[i], more[i + 1]);
        }
        return all;
    }

    @ParameterizedTest(name = "{1}")
    @MethodSource("refusals")
    void settingsThatLlamaCppDoesNotKnowAreRefusedByName(Map<String, Object> settings, String key) {
        refused(RandomModel.in(folder, settings), key);
    }

    @Test
    void olderFilesKeepEachExpertByItself() {
        Path model = RandomModel.in(
                folder, Map.of("model_type", "mixtral", "num_local_experts", 3, "num_experts_per_tok", 2));
        Path file = folder.resolve("stacked.gguf");
        GgufExport.run(model, file, GgufExport.Type.Q8_0);
        Path older = folder.resolve("older.gguf");
        Path mismatched = folder.resolve("short.gguf");
        try (Gguf gguf = Gguf.open(file)) {
            List<GgufWriter.Part> parts = new ArrayList<>();
            gguf.entries().forEach((name, entry) -> parts.addAll(apart(gguf, name, entry.shape())));
            GgufWriter.write(older, gguf.metadata(), parts);
            Map<String, GgufValue> more = new HashMap<>(gguf.metadata());
            more.put("llama.expert_count", GgufValue.of(4L));
            GgufWriter.write(mismatched, more, whole(gguf));
        }
        assertThatExceptionOfType(FormatException.class)
                .isThrownBy(() -> Models.load(mismatched, LinearFactory.frozen()))
                .withMessageContainingAll("_exps.weight", "[3, ", "4 matrices");
        try (LanguageModel expected = Models.load(file, LinearFactory.frozen());
                LanguageModel read = Models.load(older, LinearFactory.frozen())) {
            assertThat(Models.logits(read, 3, 5, 7)).containsExactly(Models.logits(expected, 3, 5, 7));
        }
    }

    private static List<GgufWriter.Part> whole(Gguf gguf) {
        return gguf.entries().entrySet().stream()
                .map(entry -> new GgufWriter.Part(
                        entry.getKey(),
                        gguf.type(entry.getKey()),
                        entry.getValue().shape(),
                        gguf.data(entry.getKey())))
                .toList();
    }

    private static List<GgufWriter.Part> apart(Gguf gguf, String name, long[] shape) {
        if (shape.length < 3) {
            return List.of(new GgufWriter.Part(name, gguf.type(name), shape, gguf.data(name)));
        }
        long bytes = gguf.data(name).byteSize() / shape[0];
        return IntStream.range(0, (int) shape[0])
                .mapToObj(expert -> new GgufWriter.Part(
                        name.replace("_exps", "." + expert),
                        gguf.type(name),
                        new long[] {shape[1], shape[2]},
                        gguf.data(name).asSlice(expert * bytes, bytes)))
                .toList();
    }

    @Test
    void yarnWithSettingsOfItsOwnIsRefusedWhenRead() {
        Path model = RandomModel.in(
                folder, Map.of("model_type", "qwen2", "rope_scaling", Map.of("rope_type", "yarn", "factor", 4.0)));
        Path usual = folder.resolve("usual.gguf");
        Path unusual = folder.resolve("unusual.gguf");
        GgufExport.run(model, usual, GgufExport.Type.F32);
        try (Gguf gguf = Gguf.open(usual)) {
            Map<String, GgufValue> more = new HashMap<>(gguf.metadata());
            more.put("qwen2.rope.scaling.yarn_beta_fast", GgufValue.of(16.0));
            GgufWriter.write(unusual, more, whole(gguf));
        }
        Models.load(usual, LinearFactory.frozen()).close();
        assertThatExceptionOfType(FormatException.class)
                .isThrownBy(() -> Models.load(unusual, LinearFactory.frozen()))
                .withMessageContainingAll("qwen2.rope.scaling.yarn_beta_fast is 16", "expected 32.0");
    }

    private void refused(Path model, String... words) {
        assertThatExceptionOfType(FormatException.class)
                .isThrownBy(() -> GgufExport.run(model, folder.resolve("refused.gguf"), GgufExport.Type.F32))
                .withMessageContainingAll(words);
    }

    @Test
    void weightsTooLargeForTheTypeAreRefused() {
        Path model = RandomModel.in(folder, Map.of("model_type", "llama", "initializer_range", 1e6));
        assertThatIllegalStateException()
                .isThrownBy(() -> GgufExport.run(model, folder.resolve("m.gguf"), GgufExport.Type.F16))
                .withMessageContainingAll("model.embed_tokens.weight", "too large for F16", "bf16");
        assertThat(folder.resolve("m.gguf")).doesNotExist();
    }
}
