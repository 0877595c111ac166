package dev.graft.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.graft.SharedData;
import java.io.IOException;
import java.nio.file.Files;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

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
            assertThatThrownBy(() -> template.renderOnly(variables))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining(one.path("error").asText());
        } else {
            assertThat(template.renderOnly(variables).text())
                    .isEqualTo(one.path("expected").asText());
        }
    }

    @Test
    void whatMessagesContainIsNeverInterpreted() {
        String content = "{{ messages }} {% if %} {# note #} <b> & \"quoted\" \\n\n  end ";
        assertThat(new ChatTemplate("{{ messages[0]['content'] }}", Map.of())
                        .render(List.of(new Message("user", content)), false))
                .isEqualTo(content);
    }

    @Test
    void longConversationsRenderWhole() {
        List<Message> many = Collections.nCopies(3_000, new Message("user", "x"));
        assertThat(new ChatTemplate("{% for message in messages %}{{ message.content }}{% endfor %}", Map.of())
                        .render(many, false))
                .hasSize(3_000);
    }

    @Test
    void generationBlocksShowTheirContent() {
        assertThat(new ChatTemplate("a{% generation %}{{ messages[0].content }}{% endgeneration %}z", Map.of())
                        .render(HELLO, false))
                .isEqualTo("aHelloz");
    }

    @Test
    void timeIsWrittenInPythonsCodes() {
        assertThat(new ChatTemplate("{{ strftime_now('%Y-%m-%d') }}", Map.of()).render(HELLO, false))
                .matches("20\\d\\d-\\d\\d-\\d\\d");
    }

    @Test
    void templatesRefuseWithTheirOwnWordsAndLine() {
        var template = new ChatTemplate("one\n{{ raise_exception('Only two may speak') }}", Map.of());
        assertThatThrownBy(() -> template.render(HELLO, false))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("refuses this conversation (line 2): Only two may speak");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "fine\n{{ messages | no_such_filter }}",
                "fine\n{{ messages is no_such_test }}",
                "fine\n{{ no_such_function(1) }}",
                "fine\n{{ messages[0].content.no_such_method() }}",
                "fine\n{{ messages | tojson(nope=4) }}",
                "fine\n{% include 'other' %}",
                "fine\n{% if messages %}never closed",
            })
    void whatTheEngineCannotDoStopsTheRendering(String source) {
        assertThatThrownBy(() -> new ChatTemplate(source, Map.of()).render(HELLO, false))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("line 2");
    }

    @Test
    void messagesNeedRoleAndContent() {
        assertThatThrownBy(() -> new Message(" ", "x")).hasMessageContaining("no role");
        assertThatThrownBy(() -> new Message("user", null)).hasMessageContaining("\"user\" has no content");
    }

    @Test
    void loopsWithAConditionSeeOnlyWhatFulfilsIt() {
        List<Message> both = List.of(new Message("user", "a"), new Message("assistant", "b"), new Message("user", "c"));
        assertThat(new ChatTemplate(
                                "{% for m in messages if m.role == 'user' %}{{ m.content }}{{ loop.last }} {% endfor %}",
                                Map.of())
                        .render(both, false))
                .isEqualTo("aFalse cTrue ");
        assertThat(new ChatTemplate(
                                "{% for k, v in messages[0].items() if k != 'role' %}{{ k + v }}{% endfor %}", Map.of())
                        .render(both, false))
                .isEqualTo("contenta");
    }

    /// The right column is what Python 3 gives.
    @ParameterizedTest
    @CsvSource(
            quoteCharacter = '`',
            value = {
                "'  a '.strip() | `a`",
                "'xxaxx'.strip('x') | `a`",
                "'xax'.lstrip('x') | `ax`",
                "'xax'.rstrip('x') | `xa`",
                "'a|b'.split('|')[-1] | `b`",
                "' a  b '.split()[1] | `b`",
                "'abc'.startswith('ab') and not 'abc'.endswith('ab') | `True`",
                "'aBc'.upper() + 'aBc'.lower() | `ABCabc`",
                "'hello wORLD'.title() | `Hello World`",
                "'hELLO'.capitalize() | `Hello`",
                "'a.b'.replace('.', '-') | `a-b`",
                "'abc'.find('c') | `2`",
                "'banana'.count('an') | `2`"
            },
            delimiterString = " | ")
    void stringsHaveThePythonMethods(String expression, String expected) {
        assertThat(new ChatTemplate("{{ %s }}".formatted(expression), Map.of()).render(HELLO, false))
                .isEqualTo(expected);
    }

    @Test
    void whatOnlyLooksLikeCodeIsNoFilter() {
        String source = "a |b {# x | nope #}{{ '| nope }}' }}{{ {'k': 1}['k'] }} | nope";
        assertThat(new ChatTemplate(source, Map.of()).render(HELLO, false)).isEqualTo("a |b | nope }}1 | nope");
    }

    @Test
    void templatesFindTheFunctionsDefined() {
        assertThat(new ChatTemplate("{{ 'yes' if strftime_now is defined else 'no' }}", Map.of()).render(HELLO, false))
                .isEqualTo("yes");
    }

    @Test
    void spacesBeforeBlocksGoOnlyAtTheStartOfALine() {
        String source = "  {% if true %}\n  a {{ 'b' }} {% endif %} c\n\t{# note #}\n  {{ 'd' }}";
        // rendered by Python's Jinja2 3.1.6 with trim_blocks and lstrip_blocks
        assertThat(new ChatTemplate(source, Map.of()).render(HELLO, false)).isEqualTo("  a b  c\n  d");
    }
}
