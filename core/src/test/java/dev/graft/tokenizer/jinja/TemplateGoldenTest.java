package dev.graft.tokenizer.jinja;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.graft.tokenizer.ChatTemplate;
import java.io.IOException;
import java.io.InputStream;
import java.util.Map;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/// Small templates against Python: `scripts/goldens_templates.py` rendered them with the environment of
/// Transformers.
class TemplateGoldenTest {
    private static final ObjectMapper JSON = new ObjectMapper().enable(DeserializationFeature.USE_BIG_INTEGER_FOR_INTS);

    @TestFactory
    Stream<DynamicTest> snippetsRenderAsInPython() throws IOException {
        JsonNode golden = read("snippets.json");
        return StreamSupport.stream(golden.path("cases").spliterator(), false)
                .map(one -> DynamicTest.dynamicTest(
                        "\"" + one.path("template").asText() + "\"",
                        () -> check(
                                one,
                                one.path("template").asText(),
                                golden.path("contexts").path(one.path("context").asText()))));
    }

    @TestFactory
    Stream<DynamicTest> familiesRenderAsInPython() throws IOException {
        JsonNode golden = read("families.json");
        return StreamSupport.stream(golden.path("cases").spliterator(), false)
                .map(one -> DynamicTest.dynamicTest(
                        one.path("template").asText() + ", " + one.path("case").asText(),
                        () -> check(
                                one,
                                golden.path("templates")
                                        .path(one.path("template").asText())
                                        .asText(),
                                one.path("context"))));
    }

    /// Graft's own templates write what the well-known ones of their names write.
    @TestFactory
    Stream<DynamicTest> builtInTemplatesWriteWhatTheirOriginalsWrite() throws IOException {
        JsonNode golden = read("families.json");
        return StreamSupport.stream(golden.path("cases").spliterator(), false)
                .filter(one -> one.path("template").asText().startsWith("original:"))
                .map(one -> DynamicTest.dynamicTest(
                        one.path("template").asText() + ", " + one.path("case").asText(),
                        () -> check(
                                one,
                                ChatTemplate.of(one.path("template").asText().substring("original:".length()))
                                        .source(),
                                one.path("context"))));
    }

    private static void check(JsonNode expected, String source, JsonNode context) {
        Map<String, Object> variables = JSON.convertValue(context, new TypeReference<>() {});
        String text;
        try {
            text = new Template(source).render(variables).text();
        } catch (TemplateException e) {
            assertThat(expected.path("text").asText(null))
                    .as("Python renders it, here it fails: %s", e.getMessage())
                    .isNull();
            assertThat(e.isRaisedByTemplate()).isEqualTo(expected.has("raised"));
            if (expected.has("raised")) {
                assertThat(e.reason()).isEqualTo(expected.path("error").asText());
            }
            return;
        }
        assertThat(text)
                .as("Python: %s", expected.path("error").asText("renders it"))
                .isEqualTo(expected.path("text").asText(null));
    }

    private static JsonNode read(String name) throws IOException {
        try (InputStream in = TemplateGoldenTest.class.getResourceAsStream("/goldens/templates/" + name)) {
            return JSON.readTree(in);
        }
    }
}
