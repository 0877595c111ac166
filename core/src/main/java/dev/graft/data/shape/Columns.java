package dev.graft.data.shape;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/// What shapes ask of a row's columns.
final class Columns {

    private static final String[] TEMPLATE = {"tools", "documents", "chat_template_kwargs"};

    private Columns() {}

    /// Every column that chat templates read beside the conversation, and these.
    static Set<String> withTemplates(String... columns) {
        Set<String> all = new LinkedHashSet<>(List.of(columns));
        all.addAll(List.of(TEMPLATE));
        return all;
    }

    /// The needed columns and those of the optional ones that are there; empty where a needed one is not.
    static Set<String> used(Set<String> present, Set<String> needed, String... optional) {
        if (!present.containsAll(needed)) {
            return Set.of();
        }
        Set<String> used = new LinkedHashSet<>(needed);
        for (String column : optional) {
            if (present.contains(column)) {
                used.add(column);
            }
        }
        return used;
    }

    /// The same for a conversation, with what its chat template reads beside it.
    static Set<String> usedInChat(Set<String> present, Set<String> needed, String... optional) {
        Set<String> used = new LinkedHashSet<>(used(present, needed, optional));
        if (!used.isEmpty()) {
            used.addAll(used(present, Set.of(), TEMPLATE));
        }
        return used;
    }

    static void require(ObjectNode row, String column) {
        if (!row.has(column)) {
            throw new IllegalArgumentException("has no \"%s\"".formatted(column));
        }
    }

    static String text(ObjectNode row, String column) {
        JsonNode value = row.path(column);
        if (value.isTextual()) {
            return value.textValue();
        }
        throw new IllegalArgumentException(
                value.isMissingNode()
                        ? "has no \"%s\"".formatted(column)
                        : "\"%s\" is %s; expected a string".formatted(column, kind(value)));
    }

    /// The text of a column that may be missing or null; then it is empty.
    static String textOrNothing(ObjectNode row, String column) {
        return row.hasNonNull(column) ? text(row, column) : "";
    }

    /// What a value is, as a sentence names it.
    static String kind(JsonNode value) {
        return switch (value.getNodeType()) {
            case NULL -> "null";
            case ARRAY -> value.isEmpty() ? "an empty list" : "a list";
            case OBJECT -> "an object";
            case STRING -> "a string";
            case NUMBER -> "the number " + value;
            default -> value.toString();
        };
    }
}
