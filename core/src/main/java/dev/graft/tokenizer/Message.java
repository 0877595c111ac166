package dev.graft.tokenizer;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/// One turn of a conversation, as chat templates see it: `role`, `content`, and whatever else a template
/// reads, such as `tool_calls`, `name` or `reasoning_content`. Values are `null`, [Boolean], [Number],
/// [String], [List] and [Map] of these.
///
/// @param fields  everything the message holds, in its order
public record Message(Map<String, Object> fields) {

    public Message {
        fields = Collections.unmodifiableMap(new LinkedHashMap<>(fields));
        if (!(fields.get("role") instanceof String role) || role.isBlank()) {
            throw new IllegalArgumentException("a message has no role; expected \"system\", \"user\" or \"assistant\"");
        }
        boolean hasContent = fields.get("content") != null || fields.containsKey("tool_calls");
        if (!hasContent) {
            throw new IllegalArgumentException(
                    "the message of role \"%s\" has no content".formatted(fields.get("role")));
        }
    }

    /// A turn that is only said.
    public Message(String role, String content) {
        this(said(role, content));
    }

    private static Map<String, Object> said(String role, String content) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("role", role);
        fields.put("content", content);
        return fields;
    }

    /// Who speaks; `system`, `user` and `assistant` are what most templates know.
    public String role() {
        return (String) fields.get("role");
    }

    /// What is said, exactly as written; of a list of parts the texts; empty for a turn that only calls
    /// tools.
    public String content() {
        return switch (fields.get("content")) {
            case String text -> text;
            case List<?> parts ->
                parts.stream()
                        .map(part ->
                                part instanceof Map<?, ?> map && map.get("text") instanceof String text ? text : "")
                        .collect(Collectors.joining());
            case null, default -> "";
        };
    }

    /// Whether the turn says nothing and calls no tool.
    public boolean isEmpty() {
        boolean calls = fields.get("tool_calls") instanceof List<?> list && !list.isEmpty();
        return content().isBlank() && !calls;
    }
}
