package dev.graft.data.shape;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.data.Example;
import dev.graft.tokenizer.Message;
import java.util.List;
import java.util.Map;

/// The prompt that a chosen and a rejected text have in common at their beginning, as in Anthropic's HH-RLHF.
///
/// As TRL's `extract_prompt`, but where TRL cuts texts at the first character that differs, perhaps
/// inside a word, the cut here goes back to the end of the last `\n\nAssistant:` they share, or else
/// before the last space.
final class ImplicitPrompt {
    private static final String ASSISTANT = "\n\nAssistant:";

    private ImplicitPrompt() {}

    static Example.Preference ofText(String chosen, String rejected) {
        requireDifferent(chosen, rejected);
        int same = 0;
        while (same < Math.min(chosen.length(), rejected.length()) && chosen.charAt(same) == rejected.charAt(same)) {
            same++;
        }
        String common = chosen.substring(0, same);
        int turn = common.lastIndexOf(ASSISTANT);
        int cut = turn >= 0 ? turn + ASSISTANT.length() : lastSpace(common);
        String prompt = chosen.substring(0, cut);
        return new Example.Preference(
                new Example.PromptCompletion(prompt, chosen.substring(cut)),
                new Example.PromptCompletion(prompt, rejected.substring(cut)));
    }

    static Example.Preference ofMessages(List<Message> chosen, List<Message> rejected, ObjectNode row) {
        requireDifferent(chosen, rejected);
        int same = 0;
        while (same < Math.min(chosen.size(), rejected.size())
                && chosen.get(same).equals(rejected.get(same))) {
            same++;
        }
        List<JsonNode> tools = Turns.tools(row);
        Map<String, Object> settings = Turns.settings(row);
        return new Example.Preference(
                new Example.Chat(chosen, tools, settings, same), new Example.Chat(rejected, tools, settings, same));
    }

    private static void requireDifferent(Object chosen, Object rejected) {
        if (chosen.equals(rejected)) {
            throw new IllegalArgumentException(
                    "\"chosen\" and \"rejected\" are the same, so that nothing is preferred");
        }
    }

    private static int lastSpace(String text) {
        int at = text.length();
        while (at > 0 && !Character.isWhitespace(text.charAt(at - 1))) {
            at--;
        }
        return Math.max(0, at - 1);
    }
}
