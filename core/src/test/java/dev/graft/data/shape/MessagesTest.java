package dev.graft.data.shape;

import dev.graft.data.Example;
import dev.graft.tokenizer.Message;
import java.util.LinkedHashMap;
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
                new Example.Chat(List.of(new Message("user", "hi"), new Message("assistant", "yes")), List.of(), 0),
                "{'messages': [{'role': 'assistant', 'content': 'yes'}], 'documents': [{'title': 'T'}],"
                        + " 'chat_template_kwargs': {'enable_thinking': false, 'date': null}}",
                new Example.Chat(List.of(new Message("assistant", "yes")), List.of(), settings(), 0));
    }

    private static Map<String, Object> settings() {
        Map<String, Object> settings = new LinkedHashMap<>();
        settings.put("documents", List.of(Map.of("title", "T")));
        settings.put("enable_thinking", false);
        settings.put("date", null);
        return settings;
    }

    @Override
    protected Map<String, String> faulty() {
        return Map.of(
                "{'messages': [{'role': 'user', 'content': 'a'}], 'documents': ['x']}",
                "\"documents\" is a list; expected a list of objects",
                "{'messages': [{'role': 'user', 'content': 'a'}], 'chat_template_kwargs': [1]}",
                "\"chat_template_kwargs\" is a list; expected an object",
                "{'messages': [{'role': 'user', 'content': 'a'}], 'chat_template_kwargs': {'tools': []}}",
                "\"chat_template_kwargs\" sets \"tools\", which has another place",
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
