package dev.graft.data;

import dev.graft.tokenizer.Message;
import java.util.List;

/// What one row teaches, before it becomes tokens.
public sealed interface Example {

    /// A prompt that is given and the completion to learn.
    record PromptCompletion(String prompt, String completion) implements Example {}

    /// A conversation; what the assistant says in it is learnt.
    record Chat(List<Message> messages) implements Example {
        public Chat {
            messages = List.copyOf(messages);
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
}
