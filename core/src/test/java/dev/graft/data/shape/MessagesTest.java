package dev.graft.data.shape;

import dev.graft.data.Example;
import dev.graft.tokenizer.Message;
import java.util.List;
import java.util.Map;

class MessagesTest extends RowShapeContract {

    @Override
    protected RowShape shape() {
        return registered("messages");
    }

    @Override
    protected Map<String, Example> rows() {
        return Map.of(
                "{'messages': [{'role': 'user', 'content': 'hi'}, {'role': 'assistant', 'content': 'yes'}]}",
                new Example.Chat(List.of(new Message("user", "hi"), new Message("assistant", "yes")), List.of(), 0));
    }

    @Override
    protected Map<String, String> faulty() {
        return Map.of(
                "{'messages': []}",
                "\"messages\" is an empty list",
                "{'messages': [{'role': 'user', 'content': ['a']}]}",
                "message 1 of \"messages\" has the part \"a\" in its content; only parts of text can be learnt",
                "{'messages': [3]}",
                "message 1 of \"messages\" is the number 3; expected {\"role\", \"content\"}",
                "{'messages': 'hi'}",
                "is text that is not JSON",
                "{'messages': [{'role': ' ', 'content': 'a'}]}",
                "an empty \"role\"",
                "{'messages': [{'role': 'user', 'content': 'a'}], 'tools': 3}",
                "\"tools\" is the number 3");
    }
}
