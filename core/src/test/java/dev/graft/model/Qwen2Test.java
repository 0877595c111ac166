package dev.graft.model;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class Qwen2Test extends ArchitectureContract {
    private static final Golden SLIDING = Golden.named("qwen2-tiny");
    private static final Golden TIED = Golden.named("qwen2-tiny-tied");

    @Override
    Stream<Golden> goldens() {
        return Stream.of(SLIDING, TIED);
    }

    static Stream<Arguments> unsupported() {
        return Stream.of(
                Arguments.of(
                        (Consumer<ObjectNode>) c -> c.putArray("layer_types")
                                .add("sliding_attention")
                                .add("full_attention"),
                        new String[] {"sliding_window", "there is none"}),
                Arguments.of(
                        (Consumer<ObjectNode>) c -> c.putArray("layer_types").add("full_attention"),
                        new String[] {"layer_types", "1 entries", "2"}),
                Arguments.of(
                        (Consumer<ObjectNode>) c ->
                                c.putArray("layer_types").add("full_attention").add("linear_attention"),
                        new String[] {"layer_types", "linear_attention", "sliding_attention or full_attention"}),
                Arguments.of(
                        (Consumer<ObjectNode>) c -> c.putObject("rope_parameters")
                                .putObject("full_attention")
                                .put("rope_theta", 3),
                        new String[] {"rope_parameters.full_attention", "one rotation for all layers"}),
                Arguments.of(
                        (Consumer<ObjectNode>)
                                c -> c.putObject("rope_parameters").put("rope_type", "dynamic"),
                        new String[] {"rope_parameters.factor", "missing"}));
    }

    @ParameterizedTest
    @MethodSource("unsupported")
    void aSettingItDoesNotKnowIsNamed(Consumer<ObjectNode> change, String[] words) {
        requireRefusal(TIED, temporary.resolve("setting"), change, words);
    }
}
