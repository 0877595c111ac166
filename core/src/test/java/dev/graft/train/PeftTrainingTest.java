package dev.graft.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.Goldens;
import dev.graft.Models;
import dev.graft.format.Json;
import dev.graft.format.WeightFiles;
import dev.graft.model.LanguageModel;
import dev.graft.nn.LinearFactory;
import dev.graft.peft.Adapters;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Every way of adapting beside PEFT (`scripts/goldens_peft.py`): the logits of PEFT's adapters, 20
/// steps of training from PEFT's start (loss within 2e-5, gradient norm within 1e-4 of itself, final
/// weights within 6e-5), and the files.
class PeftTrainingTest {
    private static final JsonNode RUNS = Goldens.json("peft/runs.json").path("runs");

    @TempDir
    Path folder;

    static Stream<String> runs() {
        return RUNS.properties().stream().map(Map.Entry::getKey);
    }

    @ParameterizedTest
    @MethodSource("runs")
    void adaptersOfPeftHavePeftsLogits(String run) {
        try (WeightFiles expected = WeightFiles.openFile(Goldens.path("peft/" + run + "/logits.safetensors"))) {
            int[] ids = Arrays.stream(expected.data("ids.0").toArray(ValueLayout.JAVA_LONG_UNALIGNED))
                    .mapToInt(Math::toIntExact)
                    .toArray();
            Path adapter = Goldens.path("peft/" + run + "/adapter-final");
            Adapters adapters = Adapters.read(adapter);
            try (LanguageModel model = load(run, adapters)) {
                adapters.load(adapter);
                assertThat(Models.logits(model, ids))
                        .containsExactly(Goldens.floats(expected, "logits.0"), within(1e-4f));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("runs")
    void trainingIsPefts(String run) {
        Path start = Goldens.path("peft/" + run + "/adapter-init");
        Path end = Goldens.path("peft/" + run + "/adapter-final");
        Adapters adapters = Adapters.read(start);
        try (LanguageModel model = load(run, adapters)) {
            adapters.load(start);
            ReferenceTrainingTest.follow(model, RUNS.path(run));
            adapters.save(folder, RUNS.path(run).path("base").asText());
        }
        requireSameTensors(end, folder, 6e-5f);
        requireSameConfig(end, folder);
    }

    private static LanguageModel load(String run, Adapters adapters) {
        return Models.load(Goldens.path(RUNS.path(run).path("base").asText()), adapters.over(LinearFactory.frozen()));
    }

    private static void requireSameTensors(Path expected, Path found, float tolerance) {
        String file = "adapter_model.safetensors";
        try (WeightFiles theirs = WeightFiles.openFile(expected.resolve(file));
                WeightFiles ours = WeightFiles.openFile(found.resolve(file))) {
            assertThat(new TreeSet<>(ours.names())).isEqualTo(new TreeSet<>(theirs.names()));
            for (String name : theirs.names()) {
                assertThat(ours.entry(name).shape())
                        .as(name)
                        .isEqualTo(theirs.entry(name).shape());
                assertThat(Goldens.floats(ours, name))
                        .as(name)
                        .containsExactly(Goldens.floats(theirs, name), within(tolerance));
            }
        }
    }

    /// Key by key; what holds a list of names is compared as a set, whose order PEFT leaves open.
    private static void requireSameConfig(Path expected, Path found) {
        JsonNode theirs = Json.readObject(expected.resolve("adapter_config.json"), "a config");
        JsonNode ours = Json.readObject(found.resolve("adapter_config.json"), "a config");
        theirs.properties().forEach(entry -> {
            if (!entry.getKey().equals("peft_version")) {
                assertThat(comparable(ours.get(entry.getKey())))
                        .as(entry.getKey())
                        .isEqualTo(comparable(entry.getValue()));
            }
        });
        assertThat(ours.size()).isEqualTo(theirs.size() - 1);
    }

    private static Object comparable(JsonNode value) {
        if (value == null || !value.isArray()) {
            return String.valueOf(value);
        }
        Set<String> items = new TreeSet<>();
        value.forEach(item -> items.add(item.toString()));
        return items;
    }
}
