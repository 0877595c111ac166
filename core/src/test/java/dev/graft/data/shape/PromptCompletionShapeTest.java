package dev.graft.data.shape;

import dev.graft.data.Example;
import dev.graft.tokenizer.Message;
import java.util.List;
import java.util.Map;

class PromptCompletionShapeTest extends RowShapeContract {

    @Override
    protected RowShape shape() {
        return registered("prompt_completion");
    }

    @Override
    protected Map<String, Example> rows() {
        return Map.of(
                "{'prompt': 'a', 'completion': 'b'}",
                new Example.PromptCompletion("a", "b"),
                "{'prompt': [{'role': 'user', 'content': 'hi'}], 'completion': [{'role': 'assistant', 'content': 'yes'}]}",
                new Example.Chat(List.of(new Message("user", "hi"), new Message("assistant", "yes")), List.of(), 1),
                "{'prompt': 'a', 'completion': 'b', 'label': 3}",
                new Example.PromptCompletion("a", "b"));
    }

    @Override
    protected Map<String, String> faulty() {
        return Map.of(
                "{'prompt': 'a', 'completion': [1]}",
                "\"completion\" is a list; expected a string",
                "{'prompt': [{'role': 'user', 'content': 'hi'}], 'completion': 'b'}",
                "holds messages and \"completion\" is a string",
                "{'prompt': [{'role': 'user'}], 'completion': [{'role': 'assistant', 'content': 'yes'}]}",
                "message 1 of \"prompt\" has no \"content\"");
    }
}
