package dev.graft.cli;

import dev.graft.tokenizer.ChatTemplate;
import dev.graft.tokenizer.Message;
import dev.graft.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// What has been said so far, as the tokens a model continues with its next answer.
///
/// With a chat template that is the whole conversation; where it outgrows the room, the oldest exchanges
/// go first. Without one nothing is remembered: every message is a text of its own to be continued.
final class Conversation {
    private final Tokenizer tokenizer;
    private final Optional<ChatTemplate> template;
    private final Optional<Message> system;
    private final int room;
    /// User and assistant in turn.
    private final List<Message> turns = new ArrayList<>();

    /// The tokens to answer.
    ///
    /// @param forgotten exchanges that had to go for it
    record Prompt(int[] ids, int forgotten) {}

    /// @param template empty to continue each message as it stands
    /// @param room     tokens that a prompt may have
    Conversation(Tokenizer tokenizer, Optional<ChatTemplate> template, Optional<String> system, int room) {
        this.tokenizer = tokenizer;
        this.template = template;
        this.system = system.map(text -> new Message("system", text));
        this.room = room;
    }

    /// Forgets everything but the system message.
    void reset() {
        turns.clear();
    }

    /// The prompt that ends with this message of the user; the conversation itself stays as it is until
    /// [#add].
    ///
    /// @throws IllegalArgumentException when the message alone exceeds the room
    Prompt prompt(String message) {
        List<Message> kept = new ArrayList<>(turns);
        for (int forgotten = 0; ; forgotten++) {
            int[] ids = ids(kept, message);
            if (ids.length <= room) {
                return new Prompt(ids, forgotten);
            }
            if (kept.isEmpty()) {
                throw new IllegalArgumentException(
                        "the message has %,d tokens with what surrounds it, and there is room for %,d beside an answer; shorten it"
                                .formatted(ids.length, room));
            }
            kept.subList(0, 2).clear();
        }
    }

    private int[] ids(List<Message> earlier, String message) {
        if (template.isEmpty()) {
            return tokenizer.encode(message, true);
        }
        List<Message> all = new ArrayList<>();
        system.ifPresent(all::add);
        all.addAll(earlier);
        all.add(new Message("user", message));
        return tokenizer.encode(template.get().render(all, true), false);
    }

    /// Remembers an exchange.
    ///
    /// @param forgotten the oldest exchanges that go for it, as [#prompt] said
    void add(String message, String answer, int forgotten) {
        if (template.isPresent()) {
            turns.subList(0, 2 * forgotten).clear();
            turns.add(new Message("user", message));
            turns.add(new Message("assistant", answer));
        }
    }
}
