package dev.graft.generate;

import static org.assertj.core.api.Assertions.assertThat;

import dev.graft.Goldens;
import dev.graft.autograd.Parameter;
import dev.graft.autograd.Tape;
import dev.graft.model.Architectures;
import dev.graft.model.LanguageModel;
import dev.graft.nn.KvCache;
import dev.graft.nn.LinearFactory;
import dev.graft.nn.TokenRun;
import dev.graft.peft.Adapters;
import dev.graft.peft.Lora;
import dev.graft.peft.Targets;
import dev.graft.quant.Fp4;
import dev.graft.quant.Int8Head;
import dev.graft.quant.Int8Rows;
import dev.graft.quant.Nf4;
import dev.graft.quant.QuantFormat;
import dev.graft.quant.QuantisedLinears;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import dev.graft.tensor.Torch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Decoding reads packed weights where they lie; what it writes is what the unpacked ones give.
class QuantisedDecodingTest {
    private static final GenerationSettings GREEDY =
            GenerationSettings.defaults().withMaxNewTokens(12);

    private static final List<int[]> PROMPTS = List.of(
            new int[] {35}, new int[] {39, 12, 21, 8, 0, 6, 33}, new int[] {38, 63, 50, 8, 44, 9, 51, 9, 27, 11, 26});

    /// Rows of 128 and 256 weights are whole blocks, unlike the 48 of the goldens.
    private static final String CONFIG = """
            {"model_type": "llama", "hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 2,
             "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 100, "tie_word_embeddings": true,
             "max_position_embeddings": 64, "rms_norm_eps": 1e-6, "initializer_range": 0.1}
            """;

    private final int threads = Torch.threads();

    @TempDir
    private Path temporary;

    @AfterEach
    void restore() {
        Torch.setThreads(threads);
    }

    @ParameterizedTest
    @ValueSource(strings = {"nf4", "nf4-double", "fp4"})
    void storedModelsWithAnAdapterWriteWhatTheirUnpackedWeightsGive(String name) {
        Adapters adapters = adapters();
        try (LanguageModel model = Architectures.load(
                Goldens.path("quant/" + name), adapters.over(LinearFactory.frozen()), Device.cpu(), DType.F32)) {
            move(model);
            assertSameText(model);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"nf4", "nf4-double", "fp4"})
    void wholeBlocksWithAnAdapterWriteWhatTheirUnpackedWeightsGive(String name) throws IOException {
        QuantFormat format = switch (name) {
            case "nf4" -> new Nf4(false);
            case "nf4-double" -> new Nf4(true);
            default -> new Fp4(false);
        };
        Adapters adapters = adapters();
        try (LanguageModel model = random(adapters.over(new QuantisedLinears(LinearFactory.frozen(), format)))) {
            move(model);
            assertSameText(model);
        }
    }

    @Test
    void int8InACacheIsWithinTheRoundingOfItsInputsOfInt8WithoutOne() throws IOException {
        int[] ids = PROMPTS.getLast();
        try (Scope scope = Scope.open();
                LanguageModel model = random(new QuantisedLinears(LinearFactory.frozen(), new Int8Rows()));
                KvCache cache = model.cache(ids.length);
                Tape tape = Tape.silent(Device.cpu())) {
            Tensor whole = hidden(model, ids);
            for (int i = 0; i < ids.length; i++) {
                TokenRun token = TokenRun.inCache(new int[] {ids[i]}, new int[] {i}, new int[1], cache);
                float[] cached = model.hidden(tape, token).data().toFloats();
                float[] expected = whole.narrow(0, i, 1).contiguous().toFloats();
                // hidden states of about 1; an input that float32 rounds to the next of 127 steps moves them by
                // hundredths
                assertThat(cached).usingComparatorWithPrecision(0.1f).containsExactly(expected);
            }
        }
    }

    @Test
    void anInt8HeadIsNearTheHeadItStandsFor() throws IOException {
        int[] ids = PROMPTS.getLast();
        try (Scope scope = Scope.open();
                LanguageModel plain = random(LinearFactory.frozen());
                LanguageModel packed = random(new Int8Head(LinearFactory.frozen()))) {
            Tensor hidden = hidden(plain, ids);
            float[] expected = plain.logits(hidden).toFloats();
            float[] many = packed.logits(hidden).toFloats();
            float[] last = packed.logits(hidden.narrow(0, ids.length - 1, 1)).toFloats();
            // a weight is off by half of 1/127 of its row's largest, at random signs over 128 of them
            assertThat(many).usingComparatorWithPrecision(0.3f).containsExactly(expected);
            assertThat(many).isNotEqualTo(expected);
            float[] lastOfMany = Arrays.copyOfRange(many, many.length - last.length, many.length);
            assertThat(last).usingComparatorWithPrecision(1e-4f).containsExactly(lastOfMany);
        }
    }

    @Test
    void theNumberOfThreadsChangesNothing() throws IOException {
        try (LanguageModel model = random(new Int8Head(new QuantisedLinears(LinearFactory.frozen(), new Nf4(true))))) {
            Torch.setThreads(1);
            List<Generated> one = new Generator(model, Set.of()).generate(PROMPTS, GREEDY);
            Torch.setThreads(2);
            List<Generated> two = new Generator(model, Set.of()).generate(PROMPTS, GREEDY);
            for (int i = 0; i < one.size(); i++) {
                assertThat(two.get(i).ids()).isEqualTo(one.get(i).ids());
            }
        }
    }

    private static void assertSameText(LanguageModel model) {
        List<Generated> together = new Generator(model, Set.of()).generate(PROMPTS, GREEDY);
        for (int i = 0; i < PROMPTS.size(); i++) {
            int[] expected = withoutCache(model, PROMPTS.get(i), true);
            assertThat(together.get(i).ids()).as("prompt %d, together", i).isEqualTo(expected);
            assertThat(new Generator(model, Set.of())
                            .generate(PROMPTS.get(i), GREEDY, id -> {})
                            .ids())
                    .as("prompt %d, alone", i)
                    .isEqualTo(expected);
        }
    }

    /// The likeliest next tokens, the whole model read again for each.
    ///
    /// @param unpacked whether layers multiply with unpacked weights, as in training
    private static int[] withoutCache(LanguageModel model, int[] prompt, boolean unpacked) {
        int[] ids = prompt;
        for (int i = 0; i < GREEDY.maxNewTokens(); i++) {
            try (Scope scope = Scope.open();
                    Tape tape = unpacked ? Tape.recording(Device.cpu(), 1, false) : Tape.silent(Device.cpu())) {
                Tensor hidden = model.hidden(tape, TokenRun.document(ids)).data();
                float[] logits =
                        model.logits(hidden.narrow(0, ids.length - 1, 1)).toFloats();
                int best = 0;
                for (int id = 1; id < logits.length; id++) {
                    best = logits[id] > logits[best] ? id : best;
                }
                ids = Arrays.copyOf(ids, ids.length + 1);
                ids[ids.length - 1] = best;
            }
        }
        return Arrays.copyOfRange(ids, prompt.length, ids.length);
    }

    private static Tensor hidden(LanguageModel model, int[] ids) {
        try (Tape tape = Tape.silent(Device.cpu())) {
            return model.hidden(tape, TokenRun.document(ids)).data();
        }
    }

    private LanguageModel random(LinearFactory factory) throws IOException {
        Files.writeString(temporary.resolve("config.json"), CONFIG);
        return Architectures.random(temporary, factory, Device.cpu(), DType.F32, 3);
    }

    private static Adapters adapters() {
        return new Adapters(new Lora(4, 16, 0, Targets.allLinear()), 1);
    }

    /// Away from zero, where an adapter would change nothing.
    private static void move(LanguageModel model) {
        try (Scope scope = Scope.open()) {
            for (Parameter parameter : model.parameters()) {
                parameter.set(Tensor.full(
                        0.02, DType.F32, Device.cpu(), parameter.master().shape()));
            }
        }
    }
}
