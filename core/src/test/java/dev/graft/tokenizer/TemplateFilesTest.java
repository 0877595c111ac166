package dev.graft.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.Goldens;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/// The template is taken from the file that Transformers takes it from; see
/// `scripts/goldens_template_files.py`.
class TemplateFilesTest {
    private static final List<Message> HI = List.of(new Message("user", "hi"));

    @TempDir
    Path folder;

    @TestFactory
    Stream<DynamicTest> theSameFileIsChosen() {
        JsonNode cases = Goldens.json("templates/files.json").path("cases");
        assertThat(cases.size()).isEqualTo(17);
        return StreamSupport.stream(cases.spliterator(), false)
                .map(one -> DynamicTest.dynamicTest(one.path("case").asText(), () -> check(one)));
    }

    private void check(JsonNode one) throws IOException {
        Path model = folder.resolve(one.path("case").asText());
        Files.createDirectories(model.resolve("additional_chat_templates"));
        TinyTokenizer.copyTo(model);
        for (Map.Entry<String, JsonNode> file : one.path("files").properties()) {
            Files.writeString(model.resolve(file.getKey()), file.getValue().asText());
        }
        try (Tokenizer tokenizer = Tokenizer.load(model)) {
            assertThat(rendered(tokenizer, Map.of()))
                    .isEqualTo(one.path("plain").asText(null));
            assertThat(rendered(tokenizer, Map.of("tools", List.of())))
                    .isEqualTo(one.path("with_tools").asText(null));
        }
    }

    /// Null where there is no template for it.
    private static String rendered(Tokenizer tokenizer, Map<String, ?> variables) {
        if (tokenizer.chatTemplate().isEmpty()) {
            return null;
        }
        try {
            return tokenizer.chatTemplate().get().render(HI, variables, false).text();
        } catch (IllegalArgumentException e) {
            assertThat(e).hasMessageContaining("chat templates is called \"default\"");
            return null;
        }
    }

    /// Transformers reads it for processors only; to a model that has its template nowhere else it is
    /// better than none.
    @Test
    void chatTemplateJsonIsTheLastResort() throws IOException {
        TinyTokenizer.copyTo(folder);
        Files.writeString(folder.resolve("tokenizer_config.json"), "{\"eos_token\": \"</s>\"}");
        Files.writeString(folder.resolve("chat_template.json"), "{\"chat_template\": \"json{{ eos_token }}\"}");
        try (Tokenizer tokenizer = Tokenizer.load(folder)) {
            assertThat(rendered(tokenizer, Map.of())).isEqualTo("json</s>");
        }
    }

    @Test
    void whatEndsTheAssistantsTurnStopsAGeneration() throws IOException {
        TinyTokenizer.copyTo(folder);
        Files.writeString(folder.resolve("generation_config.json"), "{}");
        try (Tokenizer tokenizer = Tokenizer.load(folder)) {
            assertThat(tokenizer.stopIds())
                    .containsExactly(
                            tokenizer.eosId().orElseThrow(),
                            tokenizer.idOf("<|im_end|>").orElseThrow());
            assertThat(tokenizer.fit(ChatTemplate.of("llama3")).orElseThrow())
                    .isEqualTo(new TemplateFit(
                            "<|eot_id|>",
                            OptionalInt.empty(),
                            List.of("<|end_header_id|>", "<|eot_id|>", "<|start_header_id|>")));
            assertThat(tokenizer.fit(ChatTemplate.of("alpaca")).orElseThrow().turnEnd())
                    .isEqualTo(tokenizer.eosId());
            assertThat(tokenizer.fit(new ChatTemplate("{{ raise_exception('no') }}", Map.of())))
                    .isEmpty();
        }
    }
}
