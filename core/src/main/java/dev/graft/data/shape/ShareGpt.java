package dev.graft.data.shape;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.data.Example;
import dev.graft.tokenizer.Message;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/// Conversations as ShareGPT writes them: `{"from": "human", "value"}`, `{"from": "gpt", "value"}` ….
///
/// A column `system` becomes the first message.
public final class ShareGpt implements RowShape {

    @Override
    public String name() {
        return "sharegpt";
    }

    @Override
    public Kind kind() {
        return Kind.COMPLETION;
    }

    @Override
    public String sample() {
        return "{\"conversations\": [{\"from\": \"human\", \"value\": \"…\"}, {\"from\": \"gpt\", \"value\": \"…\"}]}";
    }

    @Override
    public Set<String> columns() {
        return Columns.withTemplates("conversations", "system");
    }

    @Override
    public Set<String> uses(ObjectNode row, Set<String> present) {
        return Columns.usedInChat(present, Set.of("conversations"), "system");
    }

    @Override
    public Example example(ObjectNode row) {
        return new Example.Chat(conversation(row), Turns.tools(row), Turns.settings(row), 0);
    }

    static List<Message> conversation(ObjectNode row) {
        List<Message> messages = new ArrayList<>();
        String system = Columns.textOrNothing(row, "system");
        if (!system.isBlank()) {
            messages.add(new Message("system", system));
        }
        messages.addAll(Turns.of(row, "conversations"));
        return messages;
    }
}
