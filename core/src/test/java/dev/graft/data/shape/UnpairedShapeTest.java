package dev.graft.data.shape;

import static org.assertj.core.api.Assertions.assertThat;

import dev.graft.data.Example;
import dev.graft.tokenizer.Message;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class UnpairedShapeTest extends RowShapeContract {

    @Override
    protected RowShape shape() {
        return registered("unpaired");
    }

    @Override
    protected Map<String, Example> rows() {
        return Map.of(
                "{'prompt': 'a', 'completion': 'b', 'label': true}",
                new Example.Unpaired(new Example.PromptCompletion("a", "b"), true),
                "{'prompt': 'a', 'completion': 'b', 'label': 'False'}",
                new Example.Unpaired(new Example.PromptCompletion("a", "b"), false),
                "{'messages': [{'role': 'user', 'content': 'hi'}, {'role': 'assistant', 'content': 'yes'}], 'label': false}",
                new Example.Unpaired(
                        new Example.Chat(
                                List.of(new Message("user", "hi"), new Message("assistant", "yes")), List.of(), 1),
                        false));
    }

    @Override
    protected Map<String, String> faulty() {
        return Map.of(
                "{'messages': [{'role': 'user', 'content': 'hi'}], 'label': true}",
                "the last of its messages is the user's",
                "{'prompt': 'a', 'completion': 'b', 'label': 'good'}",
                "\"label\" is a string; expected true or false");
    }

    @Test
    void onesAndZerosAreLabelsWhereTheShapeIsNamed() {
        assertThat(shape().example(json("{'prompt': 'a', 'completion': 'b', 'label': 0}")))
                .isEqualTo(new Example.Unpaired(new Example.PromptCompletion("a", "b"), false));
    }
}
