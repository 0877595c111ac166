package dev.graft.tokenizer;

/// One turn of a conversation, as chat templates see it.
///
/// @param role     who speaks; `system`, `user` and `assistant` are what most templates know
/// @param content  what is said, exactly as written
public record Message(String role, String content) {

    public Message {
        if (role == null || role.isBlank()) {
            throw new IllegalArgumentException("a message has no role; expected \"system\", \"user\" or \"assistant\"");
        }
        if (content == null) {
            throw new IllegalArgumentException("the message of role \"%s\" has no content".formatted(role));
        }
    }
}
