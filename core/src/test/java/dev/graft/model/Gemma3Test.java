package dev.graft.model;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class Gemma3Test extends ArchitectureContract {
    private static final Golden OLDER = Golden.named("gemma3-tiny");
    private static final Golden NEWER = Golden.named("gemma3-tiny-types");

    @Override
    Stream<Golden> goldens() {
        return Stream.of(OLDER, NEWER);
    }

    static Stream<Arguments> unsupported() {
        return Stream.of(
                Arguments.of(
                        (Consumer<ObjectNode>) c -> c.withObject("/rope_parameters")
                                .withObject("/full_attention")
                                .put("rope_type", "ntk"),
                        new String[] {"rope_parameters.full_attention.rope_type", "ntk", "longrope"}),
                Arguments.of(
                        (Consumer<ObjectNode>) c -> c.put("use_bidirectional_attention", true),
                        new String[] {"use_bidirectional_attention", "true"}),
                Arguments.of(
                        (Consumer<ObjectNode>) c -> c.put("attn_logit_softcapping", 2.0),
                        new String[] {"attn_logit_softcapping", "it is 2.0", "null"}),
                Arguments.of(
                        (Consumer<ObjectNode>) c -> c.put("model_type", "gemma3"),
                        new String[] {"images", "\"gemma3_text\"", "m.model.language_model"}),
                Arguments.of(
                        (Consumer<ObjectNode>) c -> c.put("hidden_activation", "silu"),
                        new String[] {"hidden_activation", "silu", "gelu_pytorch_tanh"}));
    }

    @ParameterizedTest
    @MethodSource("unsupported")
    void aSettingItDoesNotKnowIsNamed(Consumer<ObjectNode> change, String[] words) {
        requireRefusal(NEWER, temporary.resolve("setting"), change, words);
    }
}
