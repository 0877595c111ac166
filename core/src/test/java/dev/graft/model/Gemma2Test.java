package dev.graft.model;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class Gemma2Test extends ArchitectureContract {
    private static final Golden CAPPED = Golden.named("gemma2-tiny");
    private static final Golden UNCAPPED = Golden.named("gemma2-tiny-uncapped");

    @Override
    Stream<Golden> goldens() {
        return Stream.of(CAPPED, UNCAPPED);
    }

    static Stream<Arguments> unsupported() {
        return Stream.of(
                Arguments.of(
                        (Consumer<ObjectNode>) c -> c.put("hidden_activation", "gelu"),
                        new String[] {"hidden_activation", "gelu", "gelu_pytorch_tanh"}),
                Arguments.of(
                        (Consumer<ObjectNode>) c -> c.put("use_bidirectional_attention", true),
                        new String[] {"use_bidirectional_attention", "true"}),
                Arguments.of(
                        (Consumer<ObjectNode>) c -> c.putNull("sliding_window"),
                        new String[] {"sliding_window", "there is none"}));
    }

    @ParameterizedTest
    @MethodSource("unsupported")
    void aSettingItDoesNotKnowIsNamed(Consumer<ObjectNode> change, String[] words) {
        requireRefusal(CAPPED, temporary.resolve("setting"), change, words);
    }
}
