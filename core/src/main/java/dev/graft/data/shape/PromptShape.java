package dev.graft.data.shape;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.data.Example;
import java.util.Set;

/// Rows of a prompt alone, text or messages; all other columns are kept for whoever judges the answers.
public final class PromptShape implements RowShape {

    @Override
    public String name() {
        return "prompt";
    }

    @Override
    public Kind kind() {
        return Kind.PROMPT;
    }

    @Override
    public String sample() {
        return "{\"prompt\": \"…\"}   (or a list of messages; other columns are kept)";
    }

    @Override
    public Set<String> columns() {
        return Set.of("prompt", "tools");
    }

    @Override
    public Set<String> uses(ObjectNode row, Set<String> present) {
        return Columns.used(present, Set.of("prompt"));
    }

    @Override
    public Example example(ObjectNode row) {
        ObjectNode others = row.deepCopy();
        others.remove("prompt");
        if (!Turns.areIn(row.path("prompt"))) {
            return new Example.Prompt(Columns.text(row, "prompt"), others);
        }
        others.remove("tools");
        return new Example.ChatPrompt(Turns.of(row, "prompt"), Turns.tools(row), others);
    }
}
