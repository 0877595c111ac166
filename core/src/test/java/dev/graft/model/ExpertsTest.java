package dev.graft.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.format.FormatException;
import dev.graft.format.Safetensors;
import dev.graft.format.SafetensorsWriter.Part;
import dev.graft.nn.TokenRun;
import dev.graft.tensor.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// What Mixtral and Qwen3-MoE share: the stacked form of their files, and settings of experts.
class ExpertsTest {
    private static final Golden MIXTRAL = Golden.named("mixtral-tiny");
    private static final Golden QWEN = Golden.named("qwen3-moe-tiny");

    @TempDir
    Path temporary;

    static Stream<Golden> models() {
        return Stream.of(MIXTRAL, QWEN);
    }

    /// As Transformers writes it with `save_original_format=False`.
    @ParameterizedTest
    @MethodSource("models")
    void stackedExpertsAreReadAsThePublishedOnes(Golden golden) {
        try (Arena arena = Arena.ofConfined();
                Safetensors file = Safetensors.open(golden.directory().resolve("model.safetensors"))) {
            Golden stacked = golden.withTensors(temporary.resolve("stacked"), parts -> stacked(parts, file, arena));
            try (LanguageModel model = stacked.frozen()) {
                assertThat(Golden.logits(
                                model, TokenRun.document(golden.sequences().get(2))))
                        .containsExactly(golden.logits(2), within(2e-5f));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("models")
    void stackedExpertsOfAnotherSizeAreNamed(Golden golden) {
        try (Arena arena = Arena.ofConfined();
                Safetensors file = Safetensors.open(golden.directory().resolve("model.safetensors"))) {
            Golden misfit = golden.withTensors(temporary.resolve("misfit"), parts -> {
                List<Part> all = stacked(parts, file, arena);
                all.replaceAll(part -> part.name().endsWith("layers.0.mlp.experts.gate_up_proj")
                        ? new Part(part.name(), DType.F32, new long[] {2, 25, 16}, arena.allocate(4 * 2 * 25 * 16))
                        : part);
                return all;
            });
            assertThatThrownBy(misfit::frozen)
                    .isInstanceOf(FormatException.class)
                    .hasMessageContainingAll(
                            "experts.1.", "weight: shape [13, 16]; expected [12, 16]", "experts.3.", "weight: missing");
        }
    }

    /// Experts' matrices put on top of one another, gate before up, under the names Transformers has in
    /// memory.
    private static List<Part> stacked(List<Part> parts, Safetensors file, Arena arena) {
        Map<String, List<String>> stacks = new TreeMap<>();
        List<Part> result = new ArrayList<>();
        for (Part part : parts) {
            String name = part.name().replace("block_sparse_moe", "mlp");
            if (name.contains(".experts.")) {
                String stack = name.replaceFirst("\\.\\d+\\.(w2|down_proj)\\.weight", ".down_proj")
                        .replaceFirst("\\.\\d+\\.(w1|w3|gate_proj|up_proj)\\.weight", ".gate_up_proj");
                stacks.computeIfAbsent(stack, s -> new ArrayList<>()).add(part.name());
            } else {
                result.add(new Part(name, DType.F32, part.shape(), copy(file.data(part.name()), arena)));
            }
        }
        stacks.forEach((stack, members) -> {
            boolean both = stack.endsWith("gate_up_proj");
            members.sort(Comparator.comparing(
                    name -> name.replaceFirst("w1", "a").replaceFirst("w3", "b"))); // by expert, then gate before up
            long[] one = file.entry(members.getFirst()).shape();
            long count = members.size() / (both ? 2 : 1);
            MemorySegment all = arena.allocate(4 * one[0] * one[1] * members.size());
            for (int i = 0; i < members.size(); i++) {
                MemorySegment from = file.data(members.get(i));
                MemorySegment.copy(from, 0, all, i * from.byteSize(), from.byteSize());
            }
            result.add(new Part(stack, DType.F32, new long[] {count, both ? 2 * one[0] : one[0], one[1]}, all));
        });
        return result;
    }

    private static MemorySegment copy(MemorySegment from, Arena arena) {
        return arena.allocate(from.byteSize()).copyFrom(from);
    }

    static Stream<Arguments> unsupported() {
        return Stream.of(
                setting(MIXTRAL, c -> c.put("num_experts_per_tok", 5), "num_experts_per_tok", "5", "the 4 experts"),
                setting(MIXTRAL, c -> c.put("output_router_logits", true), "output_router_logits", "auxiliary loss"),
                setting(MIXTRAL, c -> c.put("router_jitter_noise", 0.1), "router_jitter_noise", "0.1"),
                setting(MIXTRAL, c -> c.remove("num_local_experts"), "num_local_experts", "missing"),
                setting(QWEN, c -> c.put("output_router_logits", true), "output_router_logits", "auxiliary loss"),
                setting(QWEN, c -> c.put("mlp_only_layers", 1), "mlp_only_layers", "it is 1", "a list"),
                setting(QWEN, c -> c.putArray("mlp_only_layers").add("one"), "mlp_only_layers", "[\"one\"]"),
                setting(QWEN, c -> c.put("hidden_act", "mish"), "hidden_act", "\"mish\""));
    }

    private static Arguments setting(Golden golden, Consumer<ObjectNode> change, String... words) {
        return Arguments.of(golden, change, words);
    }

    @ParameterizedTest
    @MethodSource("unsupported")
    void aSettingTheyDoNotKnowIsNamed(Golden golden, Consumer<ObjectNode> change, String[] words) {
        Golden model = golden.withConfig(temporary.resolve("setting"), change);
        assertThatThrownBy(model::frozen)
                .isInstanceOf(FormatException.class)
                .hasMessageContaining("config.json")
                .hasMessageContainingAll(words);
    }

    @ParameterizedTest
    @MethodSource("models")
    void theNumberOfExpertsGoesByEitherName(Golden golden) {
        Golden other = golden.withConfig(temporary.resolve("name"), config -> {
            String from = config.has("num_experts") ? "num_experts" : "num_local_experts";
            config.set(from.equals("num_experts") ? "num_local_experts" : "num_experts", config.remove(from));
        });
        try (LanguageModel model = other.frozen()) {
            assertThat(Golden.logits(model, TokenRun.document(golden.sequences().get(1))))
                    .containsExactly(golden.logits(1), within(2e-5f));
        }
    }
}
