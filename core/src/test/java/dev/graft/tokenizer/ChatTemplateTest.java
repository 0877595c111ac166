package dev.graft.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.graft.SharedData;
import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

class ChatTemplateTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final List<Message> HELLO = List.of(new Message("user", "Hello"));

    /// 28 renderings made with Python's Jinja2 3.1.6, set up as in Transformers.
    @TestFactory
    Stream<DynamicTest> realTemplatesRenderAsInTransformers() throws IOException {
        JsonNode cases =
                JSON.readTree(SharedData.file("chat-templates/cases.json").toFile());
        return StreamSupport.stream(cases.spliterator(), false)
                .map(one -> DynamicTest.dynamicTest(
                        one.path("template").asText() + ": " + one.path("case").asText(), () -> check(one)));
    }

    private static void check(JsonNode one) throws IOException {
        String source = Files.readString(
                SharedData.file("chat-templates/" + one.path("template").asText()));
        Map<String, Object> variables = JSON.convertValue(one.path("context"), new TypeReference<>() {});
        ChatTemplate template = new ChatTemplate(source, Map.of());
        if (one.has("error")) {
            assertThatThrownBy(() -> template.render(variables))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining(one.path("error").asText());
        } else {
            assertThat(template.render(variables))
                    .isEqualTo(one.path("expected").asText());
        }
    }
}
