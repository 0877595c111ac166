package dev.graft.model.gguf;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.Goldens;
import dev.graft.model.ModelConfig;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Names of tensors are those of llama.cpp's converter; `names.json` is made by
/// `scripts/goldens_gguf_names.py`.
class GgufNamesTest {
    static Stream<Map.Entry<String, JsonNode>> families() {
        return Goldens.json("gguf/names.json").get("families").properties().stream();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("families")
    void tensorsHaveTheNamesOfLlamaCppsConverter(Map.Entry<String, JsonNode> family) {
        GgufNames names =
                GgufFamilies.of(ModelConfig.read(Goldens.path(family.getKey()))).names();
        family.getValue()
                .forEachEntry((hub, ggml) -> assertThat(names.of(hub))
                        .as(hub)
                        .hasValueSatisfying(place -> assertThat(place.tensor()).isEqualTo(ggml.asText())));
    }
}
