package dev.graft.data.shape;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.data.Example;
import java.util.Set;

/// Rows of text, of which every token is learnt.
public final class TextShape implements RowShape {

    @Override
    public String name() {
        return "text";
    }

    @Override
    public Kind kind() {
        return Kind.COMPLETION;
    }

    @Override
    public String sample() {
        return "{\"text\": \"…\"}";
    }

    @Override
    public Set<String> columns() {
        return Set.of("text");
    }

    @Override
    public Set<String> uses(ObjectNode row, Set<String> present) {
        return Columns.used(present, columns());
    }

    @Override
    public Example example(ObjectNode row) {
        return new Example.Text(Columns.text(row, "text"));
    }
}
