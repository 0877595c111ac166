package dev.graft.data.shape;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.tokenizer.JsonValues;
import dev.graft.tokenizer.Message;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/// Messages as rows write them: `{"role", "content"}` as in Transformers, `{"from", "value"}` as in ShareGPT.
final class Turns {
    private static final ObjectMapper JSON = new ObjectMapper();

    /// ShareGPT's speakers by the roles that chat templates know.
    private static final Map<String, String> ROLES = Map.ofEntries(
            Map.entry("human", "user"),
            Map.entry("user", "user"),
            Map.entry("gpt", "assistant"),
            Map.entry("assistant", "assistant"),
            Map.entry("chatgpt", "assistant"),
            Map.entry("bing", "assistant"),
            Map.entry("bot", "assistant"),
            Map.entry("model", "assistant"),
            Map.entry("system", "system"),
            Map.entry("observation", "tool"),
            Map.entry("function_response", "tool"),
            Map.entry("tool_response", "tool"),
            Map.entry("tool", "tool"));

    /// Speakers whose words are calls of tools, the assistant's.
    private static final List<String> CALLS = List.of("function_call", "tool_call");

    /// Variables of a chat template that come from elsewhere.
    private static final List<String> OWN_VARIABLES =
            List.of("messages", "tools", "add_generation_prompt", "chat_template");

    private Turns() {}

    /// The messages of a column: a list, one message alone, or (in CSV) the JSON of either.
    static List<Message> of(ObjectNode row, String column) {
        JsonNode value = row.path(column);
        if (value.isTextual()) {
            value = parsed(column, value.textValue());
        }
        if (value.isObject()) {
            return List.of(turn(value));
        }
        if (!value.isArray() || value.isEmpty()) {
            throw new IllegalArgumentException(
                    value.isMissingNode()
                            ? "has no \"%s\"".formatted(column)
                            : "\"%s\" is %s; expected a list of {\"role\", \"content\"}"
                                    .formatted(column, Columns.kind(value)));
        }
        List<Message> turns = new ArrayList<>();
        for (JsonNode message : value) {
            try {
                turns.add(turn(message));
            } catch (IllegalArgumentException e) {
                throw new IllegalArgumentException(
                        "message %d of \"%s\" %s".formatted(turns.size() + 1, column, e.getMessage()), e);
            }
        }
        return turns;
    }

    /// Whether a column holds messages rather than text.
    static boolean areIn(JsonNode column) {
        return column.isArray() || column.isObject();
    }

    /// The functions that `tools` names: a list of JSON schemas, or the JSON text of one.
    static List<JsonNode> tools(ObjectNode row) {
        JsonNode tools = given(row, "tools");
        if (tools.isMissingNode()) {
            return List.of();
        }
        if (!tools.isArray()) {
            throw new IllegalArgumentException(
                    "\"tools\" is %s; expected a list of JSON schemas".formatted(Columns.kind(tools)));
        }
        List<JsonNode> all = new ArrayList<>();
        tools.forEach(all::add);
        return all;
    }

    /// What a row tells its chat template beside the conversation and the tools: `documents`, and whatever
    /// `chat_template_kwargs` holds, as TRL reads it.
    static Map<String, Object> settings(ObjectNode row) {
        Map<String, Object> settings = new LinkedHashMap<>();
        JsonNode documents = given(row, "documents");
        if (!documents.isMissingNode()) {
            if (!documents.isArray() || !documents.valueStream().allMatch(JsonNode::isObject)) {
                throw new IllegalArgumentException(
                        "\"documents\" is %s; expected a list of objects such as {\"title\": …, \"text\": …}"
                                .formatted(Columns.kind(documents)));
            }
            settings.put("documents", JsonValues.of(documents));
        }
        JsonNode more = given(row, "chat_template_kwargs");
        if (!more.isMissingNode() && !more.isObject()) {
            throw new IllegalArgumentException(
                    "\"chat_template_kwargs\" is %s; expected an object of variables of the chat template"
                            .formatted(Columns.kind(more)));
        }
        more.properties().forEach(field -> {
            if (OWN_VARIABLES.contains(field.getKey()) || settings.containsKey(field.getKey())) {
                throw new IllegalArgumentException(
                        "\"chat_template_kwargs\" sets \"%s\", which has another place".formatted(field.getKey()));
            }
            settings.put(field.getKey(), JsonValues.of(field.getValue()));
        });
        return settings;
    }

    /// What a column holds, or its JSON text; missing where it is null or blank too.
    private static JsonNode given(ObjectNode row, String column) {
        JsonNode value = row.path(column);
        if (value.isNull() || value.isTextual() && value.textValue().isBlank()) {
            return MissingNode.getInstance();
        }
        return value.isTextual() ? parsed(column, value.textValue()) : value;
    }

    private static Message turn(JsonNode message) {
        if (!(message instanceof ObjectNode turn)) {
            throw new IllegalArgumentException(
                    "is %s; expected {\"role\", \"content\"}".formatted(Columns.kind(message)));
        }
        if (turn.has("from") || turn.has("value")) {
            String from = Columns.text(turn, "from");
            String value = Columns.text(turn, "value");
            return CALLS.contains(from) ? calling(from, value) : new Message(role(from), value);
        }
        String role = Columns.text(turn, "role");
        if (role.isBlank()) {
            throw new IllegalArgumentException("has an empty \"role\"; expected \"system\", \"user\" or \"assistant\"");
        }
        return new Message(JsonValues.map(checked(turn)));
    }

    /// ShareGPT writes calls of tools as JSON text, chat templates read them as `tool_calls`.
    private static Message calling(String from, String value) {
        JsonNode calls = parsed("value", value);
        ArrayNode toolCalls = JSON.createArrayNode();
        for (JsonNode call : calls.isArray() ? calls : JSON.createArrayNode().add(calls)) {
            if (!call.path("name").isTextual() || !call.has("arguments")) {
                throw new IllegalArgumentException(
                        "is a %s of %s; expected {\"name\": …, \"arguments\": …}".formatted(from, Columns.kind(call)));
            }
            toolCalls.addObject().put("type", "function").set("function", call);
        }
        ObjectNode turn = JSON.createObjectNode().put("role", "assistant").put("content", "");
        return new Message(JsonValues.map(turn.set("tool_calls", toolCalls)));
    }

    /// Everything in a message reaches the template; what it says is a text, a list of parts, or calls
    /// of tools.
    private static ObjectNode checked(ObjectNode turn) {
        boolean calls =
                turn.path("tool_calls").isArray() && !turn.path("tool_calls").isEmpty();
        JsonNode content = turn.path("content");
        if (calls && (content.isNull() || content.isMissingNode())) {
            return turn;
        }
        if (!content.isArray()) {
            Columns.text(turn, "content");
        }
        for (JsonNode part : content) {
            if (!part.path("text").isTextual()) {
                throw new IllegalArgumentException(
                        "has the part %s in its content; only parts of text can be learnt".formatted(part));
            }
        }
        return turn;
    }

    private static String role(String from) {
        String role = ROLES.get(from);
        if (role == null) {
            throw new IllegalArgumentException("is from \"%s\"; expected one of %s"
                    .formatted(
                            from,
                            String.join(
                                    ", ",
                                    Stream.concat(ROLES.keySet().stream(), CALLS.stream())
                                            .sorted()
                                            .toList())));
        }
        return role;
    }

    private static JsonNode parsed(String column, String text) {
        try {
            return JSON.readTree(text);
        } catch (JacksonException e) {
            throw new IllegalArgumentException(
                    "\"%s\" is text that is not JSON (%s)".formatted(column, e.getOriginalMessage()), e);
        }
    }
}
