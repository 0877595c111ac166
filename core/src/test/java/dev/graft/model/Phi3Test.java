package dev.graft.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.nn.TokenRun;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class Phi3Test extends ArchitectureContract {
    private static final Golden LONG = Golden.named("phi3-tiny");
    private static final Golden PLAIN = Golden.named("phi3-tiny-plain");

    @Override
    Stream<Golden> goldens() {
        return Stream.of(LONG, PLAIN);
    }

    @ParameterizedTest
    @ValueSource(strings = {"su", "yarn"})
    void longRopeUnderItsOlderNamesIsLongRope(String name) {
        Golden renamed = LONG.withConfig(
                temporary.resolve(name), c -> c.withObject("/rope_scaling").put("type", name));
        try (LanguageModel model = renamed.frozen()) {
            TokenRun run = TokenRun.document(LONG.sequences().get(2));
            assertThat(Golden.logits(model, run)).containsExactly(LONG.logits(2), within(2e-5f));
        }
    }

    static Stream<Arguments> unsupported() {
        return Stream.of(
                Arguments.of(
                        (Consumer<ObjectNode>) c -> c.putObject("rope_scaling")
                                .put("type", "linear")
                                .put("factor", 2),
                        new String[] {"rope_scaling.rope_type", "linear", "default or longrope"}),
                Arguments.of(
                        (Consumer<ObjectNode>) c -> c.withObject("/rope_scaling")
                                .putArray("short_factor")
                                .add(1),
                        new String[] {"rope_scaling.short_factor", "1 numbers", "2 numbers"}),
                Arguments.of(
                        (Consumer<ObjectNode>)
                                c -> c.withObject("/rope_scaling").remove("long_factor"),
                        new String[] {"rope_scaling.long_factor", "missing"}),
                Arguments.of(
                        (Consumer<ObjectNode>) c -> c.put("partial_rotary_factor", 0.5),
                        new String[] {"partial_rotary_factor", "3 of the 6"}),
                Arguments.of(
                        (Consumer<ObjectNode>) c -> c.put("resid_pdrop", 0.1), new String[] {"resid_pdrop", "0.1"}),
                Arguments.of(
                        (Consumer<ObjectNode>) c -> c.put("hidden_act", "gelu_new"),
                        new String[] {"hidden_act", "gelu_new", "silu"}));
    }

    @ParameterizedTest
    @MethodSource("unsupported")
    void aSettingItDoesNotKnowIsNamed(Consumer<ObjectNode> change, String[] words) {
        requireRefusal(LONG, temporary.resolve("setting"), change, words);
    }
}
