package dev.graft.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.autograd.Parameter;
import dev.graft.format.FormatException;
import dev.graft.format.Safetensors;
import dev.graft.format.SafetensorsWriter.Part;
import dev.graft.nn.LinearFactory;
import dev.graft.nn.TokenRun;
import dev.graft.tensor.DType;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class Gpt2Test extends ArchitectureContract {
    private static final Golden TINY = Golden.named("gpt2-tiny");
    private static final Golden VARIANT = Golden.named("gpt2-tiny-variant");

    @Override
    Stream<Golden> goldens() {
        return Stream.of(TINY, VARIANT);
    }

    /// The files of 2019 have no `transformer.` before their names, and hold the causal masks.
    @Test
    void publishedFilesAreReadWithTheirNamesAndMasks() {
        try (Arena arena = Arena.ofConfined()) {
            Golden published = TINY.withTensors(temporary.resolve("published"), parts -> {
                List<Part> renamed = new ArrayList<>();
                for (Part part : parts) {
                    renamed.add(renamed(part, part.name().replaceFirst("^transformer\\.", ""), TINY, arena));
                }
                for (int layer = 0; layer < 2; layer++) {
                    renamed.add(zeros("h." + layer + ".attn.bias", arena, 1, 1, 40, 40));
                    renamed.add(zeros("h." + layer + ".attn.masked_bias", arena));
                }
                return renamed;
            });
            assertThat(Golden.logits(
                            published.frozen(),
                            TokenRun.document(TINY.sequences().get(2))))
                    .containsExactly(TINY.logits(2), within(2e-5f));
        }
    }

    private static Part renamed(Part part, String name, Golden golden, Arena arena) {
        try (Safetensors file = Safetensors.open(golden.directory().resolve("model.safetensors"))) {
            var copy = arena.allocateFrom(
                    java.lang.foreign.ValueLayout.JAVA_BYTE,
                    file.data(part.name()).toArray(java.lang.foreign.ValueLayout.JAVA_BYTE));
            return new Part(name, DType.F32, part.shape(), copy);
        }
    }

    private static Part zeros(String name, Arena arena, long... shape) {
        long elements = Stream.of(shape).flatMapToLong(Arrays::stream).reduce(1, (a, b) -> a * b);
        return new Part(name, DType.F32, shape, arena.allocate(4 * elements));
    }

    @Test
    void weightsKeepTheShapeOfTheFileWhenTheyLearn() {
        try (LanguageModel model = TINY.load(LinearFactory.trainable(), DType.F32)) {
            Parameter fused = model.parameters().stream()
                    .filter(p -> p.name().equals("transformer.h.0.attn.c_attn.weight"))
                    .findFirst()
                    .orElseThrow();
            assertThat(fused.master().shape()).containsExactly(16, 48);
        }
    }

    @Test
    void aDocumentLongerThanThePositionsIsASentence() {
        try (LanguageModel model = TINY.frozen()) {
            assertThatThrownBy(() -> Golden.logits(model, TokenRun.document(new int[41])))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContainingAll("41 tokens", "40 positions");
            assertThat(Golden.logits(model, TokenRun.document(new int[40]))).hasSize(40 * 61);
        }
    }

    /// Of one head width 4, scores are halved; unscaled they are not, and layer 1 of a scaled model
    /// halves them again.
    @ParameterizedTest
    @CsvSource({"false, false", "true, true", "false, true"})
    void everyWayToScaleScoresIsAnother(boolean byWidth, boolean byLayer) {
        Golden other = TINY.withConfig(
                temporary.resolve("scale-" + byWidth + byLayer),
                config -> config.put("scale_attn_weights", byWidth).put("scale_attn_by_inverse_layer_idx", byLayer));
        ModelConfig config = ModelConfig.read(other.directory());
        List<Double> scales = Architectures.of(config).decoder(config).blocks().stream()
                .map(block -> block.heads().scoring().scale())
                .toList();
        double first = byWidth ? 0.5 : 1;
        assertThat(scales).containsExactly(first, byLayer ? first / 2 : first);
    }

    @ParameterizedTest
    @CsvSource({"gelu_new", "gelu_fast", "gelu_pytorch_tanh", "gelu", "gelu_python", "relu", "silu", "swish"})
    void activationsAreNamedByTheConfiguration(String name) {
        Golden other = TINY.withConfig(
                temporary.resolve("activation-" + name), config -> config.put("activation_function", name));
        try (LanguageModel model = other.frozen()) {
            float[] logits =
                    Golden.logits(model, TokenRun.document(TINY.sequences().get(1)));
            boolean same = name.matches("gelu_(new|fast|pytorch_tanh)");
            double difference = 0;
            for (int i = 0; i < logits.length; i++) {
                difference = Math.max(difference, Math.abs(logits[i] - TINY.logits(1)[i]));
            }
            assertThat(difference).isBetween(same ? 0 : 1e-4, same ? 2e-5 : 10);
        }
    }

    static Stream<Arguments> unsupported() {
        return Stream.of(
                setting(c -> c.put("activation_function", "mish"), "activation_function", "\"mish\"", "gelu_new"),
                setting(c -> c.put("add_cross_attention", true), "add_cross_attention", "true"),
                setting(c -> c.put("n_head", 3), "n_head", "3", "divisor of n_embd, 16"));
    }

    private static Arguments setting(Consumer<ObjectNode> change, String... words) {
        return Arguments.of(change, words);
    }

    @ParameterizedTest
    @MethodSource("unsupported")
    void aSettingItDoesNotKnowIsNamed(Consumer<ObjectNode> change, String[] words) {
        Golden model = TINY.withConfig(temporary.resolve("setting"), change);
        assertThatThrownBy(model::frozen)
                .isInstanceOf(FormatException.class)
                .hasMessageContaining("config.json")
                .hasMessageContainingAll(words);
    }
}
