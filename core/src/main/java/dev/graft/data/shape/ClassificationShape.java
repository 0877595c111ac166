package dev.graft.data.shape;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.data.Example;
import java.util.Optional;
import java.util.Set;

/// Rows of a text, or a pair of texts, and the class it belongs to.
public final class ClassificationShape implements RowShape {

    @Override
    public String name() {
        return "classification";
    }

    @Override
    public Kind kind() {
        return Kind.CLASSIFICATION;
    }

    @Override
    public String sample() {
        return "{\"text\": \"…\", \"text_pair\": \"…\", \"label\": \"…\"}   (\"text_pair\" may be left out)";
    }

    @Override
    public Set<String> columns() {
        return Set.of("text", "text_pair", "label");
    }

    @Override
    public Set<String> uses(ObjectNode row, Set<String> present) {
        return Columns.used(present, Set.of("text", "label"), "text_pair");
    }

    @Override
    public Example example(ObjectNode row) {
        JsonNode label = row.path("label");
        if (!label.isValueNode() || label.isNull() || label.asText().isEmpty()) {
            throw new IllegalArgumentException(
                    label.isMissingNode()
                            ? "has no \"label\""
                            : "\"label\" is %s; expected a name or a number"
                                    .formatted(label.isTextual() ? "empty" : Columns.kind(label)));
        }
        return new Example.Classified(
                Columns.text(row, "text"),
                row.hasNonNull("text_pair") ? Optional.of(Columns.text(row, "text_pair")) : Optional.empty(),
                label.asText());
    }
}
