package dev.graft.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.autograd.Tape;
import dev.graft.format.FormatException;
import dev.graft.format.SafetensorsWriter.Part;
import dev.graft.nn.KvCache;
import dev.graft.nn.LinearFactory;
import dev.graft.nn.TokenRun;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class LlamaTest extends ArchitectureContract {
    private static final Golden UNTIED = Golden.named("llama-tiny");
    private static final Golden TIED = Golden.named("llama-tiny-tied");
    private static final Golden DYNAMIC = Golden.named("llama-tiny-dynamic");

    @Override
    Stream<Golden> goldens() {
        return Stream.of(UNTIED, TIED, DYNAMIC);
    }

    static Stream<Arguments> unsupported() {
        return Stream.of(
                setting("model_type", "gpt_neox", "\"gpt_neox\"", "one of", "llama"),
                setting("hidden_act", "gelu", "\"gelu\"", "silu"),
                Arguments.of(
                        (Consumer<ObjectNode>) c -> c.putObject("rope_scaling").put("rope_type", "proportional"),
                        new String[] {"rope_scaling", "\"proportional\"", "default, linear, dynamic, llama3"}),
                Arguments.of(
                        (Consumer<ObjectNode>)
                                c -> c.putObject("rope_parameters").put("rope_type", "axial"),
                        new String[] {"rope_parameters", "\"axial\"", "default, linear, dynamic, llama3"}),
                Arguments.of(
                        (Consumer<ObjectNode>) c -> c.put("num_key_value_heads", 4),
                        new String[] {"num_key_value_heads", "4", "divisor of the 6 heads"}),
                Arguments.of(
                        (Consumer<ObjectNode>) c -> c.put("head_dim", 7),
                        new String[] {"head_dim", "7", "even number"}),
                Arguments.of(
                        (Consumer<ObjectNode>) c -> c.put("hidden_size", "48"),
                        new String[] {"hidden_size", "\"48\"", "positive whole number"}),
                Arguments.of(
                        (Consumer<ObjectNode>) c -> c.remove("vocab_size"),
                        new String[] {"vocab_size", "missing", "positive whole number"}));
    }

    private static Arguments setting(String key, String value, String... words) {
        List<String> all = new ArrayList<>(List.of(words));
        all.add(key);
        return Arguments.of((Consumer<ObjectNode>) c -> c.put(key, value), all.toArray(String[]::new));
    }

    @ParameterizedTest
    @MethodSource("unsupported")
    void aSettingItDoesNotKnowIsNamed(Consumer<ObjectNode> change, String[] words) {
        Golden model = UNTIED.withConfig(temporary.resolve("setting"), config -> {
            config.remove("rope_parameters");
            change.accept(config);
        });
        assertThatThrownBy(model::frozen)
                .isInstanceOf(FormatException.class)
                .hasMessageContaining("config.json")
                .hasMessageContainingAll(words);
    }

    @Test
    void aTiedHeadIsTheEmbedding() {
        try (LanguageModel model = TIED.load(LinearFactory.trainable(), DType.F32)) {
            assertThat(model.head().weight()).isSameAs(model.parameters().getFirst());
        }
        try (LanguageModel model = UNTIED.load(LinearFactory.trainable(), DType.F32)) {
            assertThat(model.head().weight()).isSameAs(model.parameters().getLast());
        }
    }

    @Test
    void aTiedHeadThatIsStoredAllTheSameIsPassedOver() {
        try (Arena arena = Arena.ofConfined()) {
            Golden stored = TIED.withTensors(temporary.resolve("stored-head"), parts -> {
                List<Part> more = new ArrayList<>(parts);
                more.add(new Part("lm_head.weight", DType.F32, new long[] {97, 48}, arena.allocate(97 * 48 * 4)));
                return more;
            });
            try (LanguageModel model = stored.frozen()) {
                TokenRun run = TokenRun.document(TIED.sequences().get(1));
                assertThat(Golden.logits(model, run)).containsExactly(TIED.logits(1), within(2e-5f));
            }
        }
    }

    @Test
    void linearScalingStretchesPositions() {
        // Half the angle per position: positions 0, 2, 4 … are where 0, 1, 2 … were.
        Golden stretched = UNTIED.withConfig(
                temporary.resolve("linear"),
                config -> config.putObject("rope_parameters")
                        .put("rope_type", "linear")
                        .put("rope_theta", 10_000)
                        .put("factor", 2));
        int[] ids = UNTIED.sequences().get(2);
        TokenRun plain = TokenRun.document(ids);
        int[] doubled = Arrays.stream(plain.positions()).map(p -> 2 * p).toArray();
        try (LanguageModel model = stretched.frozen()) {
            TokenRun run = new TokenRun(ids, doubled, plain.ranges(), Optional.empty());
            assertThat(Golden.logits(model, run)).containsExactly(UNTIED.logits(2), within(2e-5f));
            assertThat(Golden.logits(model, plain)[50]).isNotEqualTo(UNTIED.logits(2)[50]);
        }
    }

    @Test
    void aConfigurationAsSmolLmPublishesItIsALlama() {
        Golden published = UNTIED.withConfig(temporary.resolve("smol"), config -> {
            config.remove("rope_parameters");
            config.put("rope_theta", 10_000).putNull("rope_scaling").put("rope_interleaved", false);
            config.put("is_llama_config", true).put("pretraining_tp", 1).put("torch_dtype", "bfloat16");
            config.put("attention_dropout", 0.0).put("attention_bias", false);
            config.remove("mlp_bias");
            config.remove("dtype");
        });
        try (LanguageModel model = published.frozen()) {
            TokenRun run = TokenRun.document(UNTIED.sequences().get(1));
            assertThat(Golden.logits(model, run)).containsExactly(UNTIED.logits(1), within(2e-5f));
        }
    }

    @Test
    void longerDocumentsComeAfterShorterOnes() {
        try (LanguageModel model = UNTIED.frozen()) {
            for (int i : new int[] {0, 1, 2, 1}) {
                assertThat(Golden.logits(
                                model, TokenRun.document(UNTIED.sequences().get(i))))
                        .containsExactly(UNTIED.logits(i), within(2e-5f));
            }
        }
    }

    @Test
    void aCacheRefusesGradients() {
        try (Scope scope = Scope.open();
                LanguageModel model = UNTIED.load(LinearFactory.trainable(), DType.F32);
                KvCache cache = model.cache(4);
                Tape tape = Tape.recording(Device.cpu(), 0, false)) {
            TokenRun plain = TokenRun.document(new int[] {1, 2});
            TokenRun run = new TokenRun(
                    plain.ids(), plain.positions(), plain.ranges(), Optional.of(new TokenRun.Cached(cache, new int[] {
                        0, 1
                    })));
            assertThatThrownBy(() -> model.hidden(tape, run))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("cache");
        }
    }
}
