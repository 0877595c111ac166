package dev.graft.peft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.Goldens;
import dev.graft.Models;
import dev.graft.format.Json;
import dev.graft.model.LanguageModel;
import dev.graft.nn.LinearFactory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Which modules PEFT adapts with which rank, what it writes for a configuration, and what Python's `re`
/// matches, each against a table made by the real ones (`scripts/goldens_peft.py`).
class PeftRulesTest {
    private static final JsonNode SELECTION = Goldens.json("peft/selection.json");
    private static final JsonNode CONFIGS = Goldens.json("peft/configs.json");
    private static final JsonNode REGEX = Goldens.json("peft/regex.json");
    private static final Path BASE = Goldens.path("base-bias");

    /// What Python takes and Java has no words for, so that it is refused here.
    private static final Set<String> UNTRANSLATABLE = Set.of("(?#x)a", "(?x) a");

    @TempDir
    Path folder;

    static Stream<JsonNode> selections() {
        return rows(SELECTION.path("table"));
    }

    static Stream<JsonNode> expressions() {
        return rows(REGEX.path("table"));
    }

    static Stream<String> configurations() {
        return CONFIGS.path("settings").properties().stream().map(Map.Entry::getKey);
    }

    private static Stream<JsonNode> rows(JsonNode array) {
        return StreamSupport.stream(array.spliterator(), false);
    }

    @ParameterizedTest
    @MethodSource("selections")
    void adaptsWhatPeftAdapts(JsonNode row) throws IOException {
        ObjectNode config = row.path("settings").deepCopy();
        config.put("peft_type", "LORA")
                .put("r", SELECTION.path("r").asInt())
                .put("lora_alpha", SELECTION.path("lora_alpha").asInt());
        Files.writeString(folder.resolve("adapter_config.json"), config.toString());
        Adapters adapters = Adapters.read(folder);
        if (row.has("error")) {
            assertThatThrownBy(() -> load(adapters)).hasMessageContaining("target_modules");
            return;
        }
        TreeMap<String, String> expected = new TreeMap<>();
        row.path("adapted")
                .properties()
                .forEach(e -> expected.put(
                        e.getKey(),
                        e.getValue().get(0).asInt() + " " + e.getValue().get(1).asDouble()));
        TreeMap<String, String> found = new TreeMap<>();
        try (LanguageModel model = load(adapters)) {
            adapters.adapted()
                    .forEach((name, layer) -> found.put(
                            name, layer.rank() + " " + adapters.settings().alphaOf(name)));
        }
        assertThat(found).isEqualTo(expected);
    }

    private static LanguageModel load(Adapters adapters) {
        return Models.load(BASE, adapters.over(LinearFactory.frozen()));
    }

    @ParameterizedTest
    @MethodSource("configurations")
    void writesWhatPeftWrites(String name) throws IOException {
        ObjectNode given = CONFIGS.path("settings").path(name).deepCopy();
        Files.writeString(
                folder.resolve("adapter_config.json"),
                given.put("peft_type", "LORA").toString());
        Adapters adapters = Adapters.read(folder);
        try (LanguageModel model = load(adapters)) {
            adapters.save(folder.resolve("ours"), "base-bias");
        }
        JsonNode theirs = CONFIGS.path("written").path(name);
        Path file = folder.resolve("ours/adapter_config.json");
        JsonNode ours = Json.readObject(file, "a config");
        theirs.properties().forEach(entry -> {
            if (!entry.getKey().equals("peft_version")) {
                assertThat(comparable(entry.getKey(), ours.get(entry.getKey())))
                        .as(entry.getKey())
                        .isEqualTo(comparable(entry.getKey(), entry.getValue()));
            }
        });
        assertThat(ours.size()).isEqualTo(theirs.size() - 1);
        assertThat(ours.properties().stream().map(Map.Entry::getKey)).isSorted();
        // read once more, it is the same
        assertThat(Adapters.read(folder.resolve("ours")).settings().selection().excluded())
                .isEqualTo(adapters.settings().selection().excluded());
    }

    /// A number where PEFT keeps one that was given by itself, and a list of one, mean the same.
    private static Object comparable(String key, JsonNode value) {
        boolean either = key.equals("layers_to_transform") || key.equals("layers_pattern");
        if (either && value != null && !value.isNull() && !value.isArray()) {
            return Set.of(value.toString());
        }
        if (value == null || !value.isArray()) {
            return String.valueOf(value);
        }
        Set<String> items = new TreeSet<>();
        value.forEach(item -> items.add(item.toString()));
        return items;
    }

    @ParameterizedTest
    @MethodSource("expressions")
    void expressionsMatchWhatPythonMatches(JsonNode row) {
        String pattern = row.path("pattern").asText();
        if (row.has("error") || UNTRANSLATABLE.contains(pattern)) {
            assertThatThrownBy(() -> PythonRegex.translate(pattern))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining(pattern);
            return;
        }
        PythonRegex.translate(pattern);
        Pattern compiled = PythonRegex.compile(pattern);
        Set<String> expected = new TreeSet<>();
        row.path("matches").forEach(name -> expected.add(name.asText()));
        Set<String> found = new TreeSet<>();
        rows(REGEX.path("names")).map(JsonNode::asText).forEach(name -> {
            if (compiled.matcher(name).matches()) {
                found.add(name);
            }
        });
        assertThat(found).isEqualTo(expected);
    }
}
