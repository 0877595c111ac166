package dev.graft.data.shape;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.graft.data.Example;
import dev.graft.tokenizer.Message;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ShareGptTest extends RowShapeContract {

    @Override
    protected RowShape shape() {
        return registered("sharegpt");
    }

    @Override
    protected Map<String, Example> rows() {
        return Map.of(
                "{'conversations': [{'from': 'human', 'value': 'hi'}, {'from': 'gpt', 'value': 'yes'}]}",
                new Example.Chat(List.of(new Message("user", "hi"), new Message("assistant", "yes")), List.of(), 0),
                "{'conversations': [{'role': 'user', 'content': 'hi'}, {'role': 'assistant', 'content': 'yes'}]}",
                new Example.Chat(List.of(new Message("user", "hi"), new Message("assistant", "yes")), List.of(), 0),
                "{'conversations': [{'from': 'human', 'value': 'hi'}, {'from': 'gpt', 'value': 'yes'}, {'from': 'observation', 'value': 'ok'}], 'system': 'be brief'}",
                new Example.Chat(
                        List.of(
                                new Message("system", "be brief"),
                                new Message("user", "hi"),
                                new Message("assistant", "yes"),
                                new Message("tool", "ok")),
                        List.of(),
                        0));
    }

    @Override
    protected Map<String, String> faulty() {
        return Map.of(
                "{'conversations': [{'from': 'narrator', 'value': 'hi'}]}",
                "message 1 of \"conversations\" is from \"narrator\"; expected one of",
                "{'conversations': [{'from': 'human'}]}",
                "has no \"value\"");
    }

    @Test
    void callsOfToolsAreReadAsTemplatesReadThem() {
        var chat = (Example.Chat) shape().example(json("{'conversations': [{'from': 'function_call', 'value': "
                + "'{\\\"name\\\": \\\"add\\\", \\\"arguments\\\": {\\\"a\\\": 1}}'}]}"));
        Message call = chat.messages().getFirst();
        assertThat(call.role()).isEqualTo("assistant");
        assertThat(call.fields().get("tool_calls"))
                .asString()
                .isEqualTo("[{type=function, function={name=add, arguments={a=1}}}]");
        assertThatThrownBy(
                        () -> shape().example(json("{'conversations': [{'from': 'function_call', 'value': '[1]'}]}")))
                .hasMessageContaining("message 1 of \"conversations\" is a function_call of the number 1; expected");
    }
}
