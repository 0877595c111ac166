package dev.graft.model;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class Qwen3Test extends ArchitectureContract {
    private static final Golden SLIDING = Golden.named("qwen3-tiny");
    private static final Golden TIED = Golden.named("qwen3-tiny-tied");

    @Override
    Stream<Golden> goldens() {
        return Stream.of(SLIDING, TIED);
    }

    static Stream<Arguments> unsupported() {
        return Stream.of(
                Arguments.of(
                        (Consumer<ObjectNode>) c -> c.put("head_dim", 9),
                        new String[] {"head_dim", "9", "even number"}),
                Arguments.of(
                        (Consumer<ObjectNode>) c -> c.put("hidden_act", "relu"),
                        new String[] {"hidden_act", "relu", "silu"}),
                Arguments.of(
                        (Consumer<ObjectNode>) c ->
                                c.putArray("layer_types").add("full_attention").add("full_attention"),
                        new String[] {"layer_types", "2 entries", "3"}));
    }

    @ParameterizedTest
    @MethodSource("unsupported")
    void aSettingItDoesNotKnowIsNamed(Consumer<ObjectNode> change, String[] words) {
        requireRefusal(SLIDING, temporary.resolve("setting"), change, words);
    }
}
