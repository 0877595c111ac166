package dev.graft.data;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.tokenizer.JsonValues;
import dev.graft.tokenizer.Message;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// What one row teaches, before it becomes tokens.
public sealed interface Example {

    /// A prompt that is given, and what is to follow it.
    sealed interface Answered extends Example {}

    /// A prompt that is given and the completion to learn.
    record PromptCompletion(String prompt, String completion) implements Answered {}

    /// A conversation; what the assistant says in it is learnt.
    ///
    /// @param tools        functions that the assistant may call, as JSON schemas
    /// @param settings     what else the row tells its chat template: `documents`, `enable_thinking` …
    /// @param promptTurns  messages at the beginning that are given, the assistant's too
    record Chat(List<Message> messages, List<JsonNode> tools, Map<String, Object> settings, int promptTurns)
            implements Answered {
        public Chat {
            messages = List.copyOf(messages);
            tools = List.copyOf(tools);
            settings = Collections.unmodifiableMap(new LinkedHashMap<>(settings)); // None is a value
            if (promptTurns < 0 || promptTurns > messages.size()) {
                throw new IllegalArgumentException(
                        "%d of %d messages are the prompt".formatted(promptTurns, messages.size()));
            }
        }

        public Chat(List<Message> messages) {
            this(messages, List.of(), 0);
        }

        public Chat(List<Message> messages, List<JsonNode> tools, int promptTurns) {
            this(messages, tools, Map.of(), promptTurns);
        }

        /// What a chat template reads beside the messages.
        public Map<String, Object> variables() {
            Map<String, Object> all = new LinkedHashMap<>(settings);
            if (!tools.isEmpty()) {
                all.put("tools", tools.stream().map(JsonValues::of).toList());
            }
            return all;
        }
    }

    /// Text to learn as it stands.
    ///
    /// @param windowed  whether the text is a whole file, to be cut into pieces of the greatest length
    ///                  allowed, rather than a row that has to fit
    record Text(String text, boolean windowed) implements Example {
        public Text(String text) {
            this(text, false);
        }
    }

    /// Two answers to the same prompt, one preferred to the other.
    record Preference(Answered chosen, Answered rejected) implements Example {}

    /// An answer that is desirable or not.
    record Unpaired(Answered answer, boolean desirable) implements Example {}

    /// A text, or a pair of texts, and the class it belongs to.
    record Classified(String text, Optional<String> textPair, String label) implements Example {}

    /// A prompt that a model is to answer itself.
    ///
    /// @param columns  what else the row holds, for the functions that judge the answer
    record Prompt(String prompt, ObjectNode columns) implements Example {}

    /// A conversation that a model is to continue itself.
    ///
    /// @param columns  what else the row holds, for the functions that judge the answer
    record ChatPrompt(List<Message> messages, List<JsonNode> tools, ObjectNode columns) implements Example {
        public ChatPrompt {
            messages = List.copyOf(messages);
            tools = List.copyOf(tools);
        }
    }
}
