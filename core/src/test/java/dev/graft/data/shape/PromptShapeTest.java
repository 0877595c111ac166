package dev.graft.data.shape;

import dev.graft.data.Example;
import dev.graft.tokenizer.Message;
import java.util.List;
import java.util.Map;

class PromptShapeTest extends RowShapeContract {

    @Override
    protected RowShape shape() {
        return registered("prompt");
    }

    @Override
    protected Map<String, Example> rows() {
        return Map.of(
                "{'prompt': 'a'}",
                new Example.Prompt("a", json("{}")),
                "{'prompt': [{'role': 'user', 'content': 'hi'}], 'solution': 4}",
                new Example.ChatPrompt(List.of(new Message("user", "hi")), List.of(), json("{'solution': 4}")));
    }

    @Override
    protected Map<String, String> faulty() {
        return Map.of("{'prompt': 3}", "\"prompt\" is the number 3; expected a string");
    }
}
