package dev.graft.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.Goldens;
import dev.graft.tokenizer.ChatTemplate;
import dev.graft.tokenizer.JsonValues;
import dev.graft.tokenizer.Message;
import dev.graft.tokenizer.TinyTokenizer;
import dev.graft.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

class ChatTokensTest {
    private static final String MARKED = "{% for m in messages %}{{ m.role[0] }}{% if m.role == 'assistant' %}"
            + "{% generation %}{{ m.content }}{% endgeneration %}{% else %}{{ m.content }}{% endif %}{% endfor %}";

    /// Against Transformers and TRL: `scripts/goldens_masks.py`.
    @TestFactory
    Stream<DynamicTest> learntTokensAreThoseOfTransformers() {
        JsonNode golden = Goldens.json("templates/masks.json");
        return StreamSupport.stream(golden.path("cases").spliterator(), false)
                .map(one -> DynamicTest.dynamicTest(
                        one.path("template").asText() + " "
                                + one.path("messages").size(),
                        () -> check(
                                one,
                                golden.path("templates")
                                        .path(one.path("template").asText())
                                        .asText())));
    }

    private void check(JsonNode one, String template) {
        List<Message> messages = new ArrayList<>();
        one.path("messages").forEach(message -> messages.add(new Message(JsonValues.map(message))));
        int last = messages.size() - 1;
        boolean plain = one.has("prompt_tokens");
        try (Tokenizer tokenizer = tokenizer(template)) {
            LabelledTokens tokens = new ChatTokens(tokenizer).of(messages, Map.of(), turn -> !plain || turn == last);
            int[] ids = Goldens.ints(one.path("ids"));
            assertThat(tokens.ids()).isEqualTo(ids);
            boolean[] expected = new boolean[ids.length];
            for (int i = 1; i < ids.length; i++) {
                // TRL also learns the line break behind the end of the last turn, which generation never reaches
                boolean behindStop = plain && i == ids.length - 1;
                expected[i] = plain
                        ? i >= one.path("prompt_tokens").asInt() && !behindStop
                        : one.path("assistant_masks").get(i).asInt() == 1;
            }
            assertThat(tokens.labels()).isEqualTo(expected);
        }
    }

    @Test
    void lastTurnAloneCanBeLearntFromMarkedTemplates() {
        List<Message> messages =
                List.of(new Message("assistant", "yes"), new Message("user", "no"), new Message("assistant", "hello"));
        try (Tokenizer tokenizer = tokenizer(MARKED)) {
            LabelledTokens tokens = new ChatTokens(tokenizer).of(messages, Map.of(), turn -> turn == 2);
            assertThat(learnt(tokenizer, tokens)).isEqualTo("hello");
        }
    }

    @Test
    void toolsReachTheTemplateAndCallsAloneAreSaid() {
        Map<String, Object> call = Map.of("function", Map.of("name", "f", "arguments", Map.of("x", 1)));
        List<Message> messages = List.of(
                new Message("user", "hello"), new Message(Map.of("role", "assistant", "tool_calls", List.of(call))));
        String template = "{{ tools[0].name }}{% for m in messages %}{{ m.content }}{% generation %}"
                + "{{ m.tool_calls[0].function.arguments | tojson if m.tool_calls }}{% endgeneration %}{% endfor %}";
        try (Tokenizer tokenizer = tokenizer(template)) {
            LabelledTokens tokens =
                    new ChatTokens(tokenizer).of(messages, Map.of("tools", List.of(Map.of("name", "f"))), _ -> true);
            assertThat(tokenizer.decode(tokens.ids(), false)).isEqualTo("fhello{\"x\": 1}");
            assertThat(learnt(tokenizer, tokens)).isEqualTo("{\"x\": 1}");
        }
    }

    @Test
    void marksWithinAMacroAreRefused() {
        String template = "{% macro say(m) %}\n{% generation %}{{ m.content }}{% endgeneration %}{% endmacro %}"
                + "{% for m in messages %}{{ say(m) }}{% endfor %}";
        try (Tokenizer tokenizer = tokenizer(template)) {
            assertThatThrownBy(() ->
                            new ChatTokens(tokenizer).of(List.of(new Message("assistant", "yes")), Map.of(), _ -> true))
                    .hasMessageContaining("line 2")
                    .hasMessageContaining("within a macro");
        }
    }

    private static Tokenizer tokenizer(String template) {
        return TinyTokenizer.load(new ChatTemplate(template, Map.of()));
    }

    private static String learnt(Tokenizer tokenizer, LabelledTokens tokens) {
        int[] ids = IntStream.range(0, tokens.length())
                .filter(i -> tokens.labels()[i])
                .map(i -> tokens.ids()[i])
                .toArray();
        return tokenizer.decode(ids, false);
    }
}
