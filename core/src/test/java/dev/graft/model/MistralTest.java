package dev.graft.model;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class MistralTest extends ArchitectureContract {
    private static final Golden SLIDING = Golden.named("mistral-tiny");
    private static final Golden WHOLE = Golden.named("mistral-tiny-whole");

    @Override
    Stream<Golden> goldens() {
        return Stream.of(SLIDING, WHOLE);
    }

    static Stream<Arguments> unsupported() {
        return Stream.of(
                Arguments.of(
                        (Consumer<ObjectNode>) c -> c.put("sliding_window", 0),
                        new String[] {"sliding_window", "it is 0", "positive whole number"}),
                Arguments.of(
                        (Consumer<ObjectNode>) c -> c.putArray("layer_types")
                                .add("sliding_attention")
                                .add("full_attention"),
                        new String[] {"layer_types", "full_attention", "every layer"}),
                Arguments.of(
                        (Consumer<ObjectNode>) c -> c.put("hidden_act", "gelu"),
                        new String[] {"hidden_act", "gelu", "silu"}),
                Arguments.of(
                        (Consumer<ObjectNode>) c -> c.put("attention_dropout", 0.1),
                        new String[] {"attention_dropout", "0.1"}));
    }

    @ParameterizedTest
    @MethodSource("unsupported")
    void aSettingItDoesNotKnowIsNamed(Consumer<ObjectNode> change, String[] words) {
        requireRefusal(SLIDING, temporary.resolve("setting"), change, words);
    }
}
