package dev.graft.data.shape;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.data.Example;
import dev.graft.tokenizer.Message;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/// Rows of an answer and whether it is desirable: `prompt`, `completion` and a `label` of true or false, or
/// `messages` whose last one is the answer.
public final class UnpairedShape implements RowShape {

    @Override
    public String name() {
        return "unpaired";
    }

    @Override
    public Kind kind() {
        return Kind.UNPAIRED;
    }

    @Override
    public String sample() {
        return "{\"prompt\": \"…\", \"completion\": \"…\", \"label\": true}   (or \"messages\" and \"label\")";
    }

    @Override
    public Set<String> columns() {
        return Columns.withTemplates("prompt", "completion", "messages", "label");
    }

    /// A label that is no truth value may mean anything.
    @Override
    public Set<String> uses(ObjectNode row, Set<String> present) {
        JsonNode label = row.path("label");
        boolean isTruth = label.isBoolean()
                || List.of("true", "false").contains(label.asText().toLowerCase(Locale.ROOT));
        if (!isTruth) {
            return Set.of();
        }
        return present.contains("messages")
                ? Columns.usedInChat(present, Set.of("messages", "label"))
                : Columns.usedInChat(present, Set.of("prompt", "completion", "label"));
    }

    @Override
    public Example example(ObjectNode row) {
        boolean desirable = truth(row.path("label"));
        if (!row.hasNonNull("messages")) {
            return new Example.Unpaired(PromptCompletionShape.answered(row, "completion"), desirable);
        }
        List<Message> messages = Turns.of(row, "messages");
        if (!messages.getLast().role().equals("assistant")) {
            throw new IllegalArgumentException(
                    "the last of its messages is the %s's; expected the answer that is labelled, the assistant's"
                            .formatted(messages.getLast().role()));
        }
        return new Example.Unpaired(
                new Example.Chat(messages, Turns.tools(row), Turns.settings(row), messages.size() - 1), desirable);
    }

    private static boolean truth(JsonNode label) {
        return switch (label.asText().toLowerCase(Locale.ROOT)) {
            case "true", "1" -> true;
            case "false", "0" -> false;
            default ->
                throw new IllegalArgumentException(
                        label.isMissingNode()
                                ? "has no \"label\""
                                : "\"label\" is %s; expected true or false".formatted(Columns.kind(label)));
        };
    }
}
