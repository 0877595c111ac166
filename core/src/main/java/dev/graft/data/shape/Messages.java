package dev.graft.data.shape;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.data.Example;
import java.util.Set;

/// Conversations of `{"role", "content"}`, perhaps with the `tools` that may be called in them.
public final class Messages implements RowShape {

    @Override
    public String name() {
        return "messages";
    }

    @Override
    public Kind kind() {
        return Kind.COMPLETION;
    }

    @Override
    public String sample() {
        return "{\"messages\": [{\"role\": \"user\", \"content\": \"…\"}, {\"role\": \"assistant\", \"content\": \"…\"}]}";
    }

    @Override
    public Set<String> columns() {
        return Columns.withTemplates("messages");
    }

    @Override
    public Set<String> uses(ObjectNode row, Set<String> present) {
        return Columns.usedInChat(present, Set.of("messages"));
    }

    @Override
    public Example example(ObjectNode row) {
        return new Example.Chat(Turns.of(row, "messages"), Turns.tools(row), Turns.settings(row), 0);
    }
}
