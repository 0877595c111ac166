package dev.graft.data.shape;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.data.Example;
import dev.graft.tokenizer.Message;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/// Rows of a chosen and a rejected answer.
///
/// The prompt before them is a column `prompt` (text or messages), `instruction` and `input` as in Alpaca,
/// `conversations` as in ShareGPT, or what both answers begin with ([ImplicitPrompt]).
public final class PreferenceShape implements RowShape {
    private static final Set<String> ANSWERS = Set.of("chosen", "rejected");

    @Override
    public String name() {
        return "preference";
    }

    @Override
    public Kind kind() {
        return Kind.PREFERENCE;
    }

    @Override
    public String sample() {
        return "{\"prompt\": \"…\", \"chosen\": \"…\", \"rejected\": \"…\"}   (or lists of messages; the prompt may begin both answers instead)";
    }

    @Override
    public Set<String> columns() {
        return Columns.withTemplates("prompt", "chosen", "rejected", "instruction", "input", "conversations", "system");
    }

    @Override
    public Set<String> uses(ObjectNode row, Set<String> present) {
        if (present.contains("prompt")) {
            return Columns.usedInChat(present, ANSWERS, "prompt");
        }
        if (present.contains("conversations")) {
            return Columns.usedInChat(present, ANSWERS, "conversations", "system");
        }
        return present.contains("instruction")
                ? Columns.used(present, ANSWERS, "instruction", "input")
                : Columns.usedInChat(present, ANSWERS);
    }

    @Override
    public Example example(ObjectNode row) {
        Columns.require(row, "chosen");
        Columns.require(row, "rejected");
        boolean chats = Turns.areIn(row.path("chosen"));
        if (chats != Turns.areIn(row.path("rejected"))) {
            throw new IllegalArgumentException("\"chosen\" is %s and \"rejected\" %s; expected both of one kind"
                    .formatted(Columns.kind(row.path("chosen")), Columns.kind(row.path("rejected"))));
        }
        if (row.hasNonNull("prompt") && chats == Turns.areIn(row.path("prompt"))) {
            return new Example.Preference(
                    PromptCompletionShape.answered(row, "chosen"), PromptCompletionShape.answered(row, "rejected"));
        }
        if (row.hasNonNull("prompt") && !chats) {
            throw new IllegalArgumentException(
                    "\"prompt\" holds messages and \"chosen\" is a string; write it as [{\"role\": \"assistant\", \"content\": \"…\"}]");
        }
        if (row.hasNonNull("conversations")) {
            return new Example.Preference(behindConversation(row, "chosen"), behindConversation(row, "rejected"));
        }
        if (row.hasNonNull("instruction")) {
            String prompt = Alpaca.prompt(row);
            return new Example.Preference(
                    new Example.PromptCompletion(prompt, Columns.text(row, "chosen")),
                    new Example.PromptCompletion(prompt, Columns.text(row, "rejected")));
        }
        return chats
                ? ImplicitPrompt.ofMessages(Turns.of(row, "chosen"), Turns.of(row, "rejected"), row)
                : ImplicitPrompt.ofText(Columns.text(row, "chosen"), Columns.text(row, "rejected"));
    }

    private static Example.Chat behindConversation(ObjectNode row, String answer) {
        List<Message> before = ShareGpt.conversation(row);
        List<Message> all = new ArrayList<>(before);
        JsonNode value = row.path(answer);
        if (value.isTextual()) {
            all.add(new Message("assistant", value.textValue()));
        } else {
            all.addAll(Turns.of(row, answer));
        }
        return new Example.Chat(all, Turns.tools(row), Turns.settings(row), before.size());
    }
}
