package dev.graft.data.shape;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.data.Example;
import dev.graft.tokenizer.Message;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/// Rows of a prompt and its completion: both text, or both messages.
public final class PromptCompletionShape implements RowShape {

    @Override
    public String name() {
        return "prompt_completion";
    }

    @Override
    public Kind kind() {
        return Kind.COMPLETION;
    }

    @Override
    public String sample() {
        return "{\"prompt\": \"…\", \"completion\": \"…\"}   (or lists of messages)";
    }

    @Override
    public Set<String> columns() {
        return Columns.withTemplates("prompt", "completion");
    }

    @Override
    public Set<String> uses(ObjectNode row, Set<String> present) {
        Set<String> needed = Set.of("prompt", "completion");
        return Turns.areIn(row.path("prompt")) ? Columns.usedInChat(present, needed) : Columns.used(present, needed);
    }

    @Override
    public Example.Answered example(ObjectNode row) {
        return answered(row, "completion");
    }

    /// `prompt` and the text or messages of another column, which follow it.
    static Example.Answered answered(ObjectNode row, String answer) {
        Columns.require(row, "prompt");
        Columns.require(row, answer);
        JsonNode prompt = row.path("prompt");
        JsonNode completion = row.path(answer);
        if (Turns.areIn(prompt) && Turns.areIn(completion)) {
            List<Message> before = Turns.of(row, "prompt");
            List<Message> all = new ArrayList<>(before);
            all.addAll(Turns.of(row, answer));
            return new Example.Chat(all, Turns.tools(row), Turns.settings(row), before.size());
        }
        if (Turns.areIn(prompt) && completion.isTextual()) {
            throw new IllegalArgumentException(
                    "\"prompt\" holds messages and \"%s\" is a string; write the latter as [{\"role\": \"assistant\", \"content\": \"…\"}]"
                            .formatted(answer));
        }
        return new Example.PromptCompletion(Columns.text(row, "prompt"), Columns.text(row, answer));
    }
}
