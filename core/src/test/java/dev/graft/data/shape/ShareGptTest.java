package dev.graft.data.shape;

import dev.graft.data.Example;
import dev.graft.tokenizer.Message;
import java.util.List;
import java.util.Map;

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
                "{'conversations': [{'from': 'human', 'value': 'hi'}, {'from': 'function_call', 'value': 'yes'}, {'from': 'observation', 'value': 'ok'}], 'system': 'be brief'}",
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
}
