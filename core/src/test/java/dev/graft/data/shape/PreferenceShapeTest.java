package dev.graft.data.shape;

import static org.assertj.core.api.Assertions.assertThat;

import dev.graft.data.Example;
import dev.graft.tokenizer.Message;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class PreferenceShapeTest extends RowShapeContract {

    @Override
    protected RowShape shape() {
        return registered("preference");
    }

    @Override
    protected Map<String, Example> rows() {
        return Map.of(
                "{'prompt': 'a', 'chosen': 'b', 'rejected': 'c'}",
                new Example.Preference(new Example.PromptCompletion("a", "b"), new Example.PromptCompletion("a", "c")),
                "{'prompt': [{'role': 'user', 'content': 'hi'}], 'chosen': [{'role': 'assistant', 'content': 'yes'}], 'rejected': [{'role': 'assistant', 'content': 'no'}]}",
                new Example.Preference(
                        new Example.Chat(
                                List.of(new Message("user", "hi"), new Message("assistant", "yes")), List.of(), 1),
                        new Example.Chat(
                                List.of(new Message("user", "hi"), new Message("assistant", "no")), List.of(), 1)),
                "{'conversations': [{'from': 'human', 'value': 'hi'}], 'chosen': {'from': 'gpt', 'value': 'yes'}, 'rejected': {'from': 'gpt', 'value': 'no'}}",
                new Example.Preference(
                        new Example.Chat(
                                List.of(new Message("user", "hi"), new Message("assistant", "yes")), List.of(), 1),
                        new Example.Chat(
                                List.of(new Message("user", "hi"), new Message("assistant", "no")), List.of(), 1)),
                "{'prompt': 'hi', 'chosen': [{'role': 'user', 'content': 'hi'}, {'role': 'assistant', 'content': 'yes'}], 'rejected': [{'role': 'user', 'content': 'hi'}, {'role': 'assistant', 'content': 'no'}]}",
                new Example.Preference(
                        new Example.Chat(
                                List.of(new Message("user", "hi"), new Message("assistant", "yes")), List.of(), 1),
                        new Example.Chat(
                                List.of(new Message("user", "hi"), new Message("assistant", "no")), List.of(), 1)),
                "{'chosen': '\\n\\nHuman: hi\\n\\nAssistant: It is so', 'rejected': '\\n\\nHuman: hi\\n\\nAssistant: It was so'}",
                new Example.Preference(
                        new Example.PromptCompletion("\n\nHuman: hi\n\nAssistant:", " It is so"),
                        new Example.PromptCompletion("\n\nHuman: hi\n\nAssistant:", " It was so")));
    }

    @Override
    protected Map<String, String> faulty() {
        return Map.of(
                "{'chosen': 'same', 'rejected': 'same'}",
                "are the same",
                "{'prompt': 'a', 'chosen': 'b', 'rejected': [{'role': 'assistant', 'content': 'c'}]}",
                "expected both of one kind",
                "{'prompt': 'a', 'chosen': 'b', 'rejected': 3}",
                "\"rejected\" is the number 3",
                "{'prompt': [{'role': 'user', 'content': 'hi'}], 'chosen': 'b', 'rejected': 'c'}",
                "\"prompt\" holds messages and \"chosen\" is a string");
    }

    @Test
    void implicitPromptEndsBeforeASpace() {
        // TRL would cut behind "I a": the words themselves must not be torn
        assertThat(shape().example(json("{'chosen': 'Well, I agree', 'rejected': 'Well, I am'}")))
                .isEqualTo(new Example.Preference(
                        new Example.PromptCompletion("Well, I", " agree"),
                        new Example.PromptCompletion("Well, I", " am")));
        assertThat(shape().example(json("{'chosen': 'yes', 'rejected': 'no'}")))
                .isEqualTo(new Example.Preference(
                        new Example.PromptCompletion("", "yes"), new Example.PromptCompletion("", "no")));
    }

    @Test
    void instructionsAreWrittenAsAlpacaWritesThem() {
        var example = (Example.Preference)
                shape().example(json("{'instruction': 'Add.', 'input': '1', 'chosen': 'b', 'rejected': 'c'}"));
        assertThat(((Example.PromptCompletion) example.chosen()).prompt())
                .isEqualTo(((Example.PromptCompletion) example.rejected()).prompt())
                .contains("### Instruction:\nAdd.\n\n### Input:\n1\n\n### Response:\n");
    }
}
