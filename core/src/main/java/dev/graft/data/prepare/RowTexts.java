package dev.graft.data.prepare;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.UnaryOperator;

/// The texts inside a row of any shape: its strings, in the order they stand in, but for those that only
/// say who speaks or what something is.
public final class RowTexts {
    private static final Set<String> LABELS = Set.of("role", "from", "type", "id", "tool_call_id", "name");

    private RowTexts() {}

    /// All of them, one after another with line breaks between.
    public static String of(JsonNode row) {
        List<String> texts = new ArrayList<>();
        collect(row, texts);
        return String.join("\n", texts);
    }

    /// Only what stands under these keys of the row.
    ///
    /// @throws IllegalArgumentException for a key that the row does not have
    public static String of(ObjectNode row, List<String> keys) {
        if (keys.isEmpty()) {
            return of(row);
        }
        List<String> texts = new ArrayList<>();
        for (String key : keys) {
            texts.add(value(row, key));
        }
        return String.join("\n", texts);
    }

    /// What stands under one key: a string as it is, a number or truth value as it is written, the texts
    /// of a list.
    public static String value(ObjectNode row, String key) {
        JsonNode value = row.get(key);
        if (value == null || value.isNull()) {
            List<String> keys = new ArrayList<>();
            row.fieldNames().forEachRemaining(keys::add);
            throw new IllegalArgumentException(
                    "has no \"%s\"; its keys are %s".formatted(key, String.join(", ", keys)));
        }
        return value.isContainerNode() ? of(value) : value.asText();
    }

    private static void collect(JsonNode node, List<String> texts) {
        if (node.isTextual()) {
            texts.add(node.textValue());
        } else if (node instanceof ObjectNode object) {
            object.properties().forEach(field -> {
                if (!isLabel(field.getKey(), field.getValue())) {
                    collect(field.getValue(), texts);
                }
            });
        } else {
            node.forEach(item -> collect(item, texts));
        }
    }

    /// A copy of the row with each of its texts changed.
    public static ObjectNode mapped(ObjectNode row, UnaryOperator<String> change) {
        ObjectNode copy = row.deepCopy();
        change(copy, change);
        return copy;
    }

    private static void change(JsonNode node, UnaryOperator<String> change) {
        if (node instanceof ObjectNode object) {
            object.properties().forEach(field -> {
                if (field.getValue().isTextual() && !isLabel(field.getKey(), field.getValue())) {
                    field.setValue(
                            TextNode.valueOf(change.apply(field.getValue().textValue())));
                } else {
                    change(field.getValue(), change);
                }
            });
        } else if (node instanceof ArrayNode array) {
            for (int i = 0; i < array.size(); i++) {
                if (array.get(i).isTextual()) {
                    array.set(i, TextNode.valueOf(change.apply(array.get(i).textValue())));
                } else {
                    change(array.get(i), change);
                }
            }
        }
    }

    private static boolean isLabel(String key, JsonNode value) {
        return value.isTextual() && LABELS.contains(key);
    }
}
