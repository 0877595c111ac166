package dev.graft.data;

import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.tokenizer.Message;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// Files of examples to rows, and the shapes a JSON row may have.
///
/// | keys | becomes |
/// |---|---|
/// | `messages`: list of `{"role", "content"}` | [Example.Chat] |
/// | `prompt`, `completion` | [Example.PromptCompletion], joined as written |
/// | `instruction`, `output`, perhaps `input` | [Example.PromptCompletion] in the words of Stanford Alpaca |
/// | `text` | [Example.Text] |
///
/// A row may have further keys. Where it fits several shapes, the first of the table counts.
public final class Rows {
    static final String KNOWN_SHAPES = """
            A row is one JSON object of one of these shapes:
              {"messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]}
              {"prompt": "…", "completion": "…"}
              {"instruction": "…", "input": "…", "output": "…"}   ("input" may be left out)
              {"text": "…"}""";

    private Rows() {}

    /// Reads `.jsonl` and `.json` as JSON rows and `.txt` as one long text.
    public static List<Row> read(Path file) {
        if (!Files.exists(file)) {
            throw new IllegalArgumentException(
                    "%s does not exist; expected a .jsonl, .json or .txt file of examples".formatted(file));
        }
        String name = file.getFileName().toString();
        return switch (name.substring(name.lastIndexOf('.') + 1)) {
            case "jsonl", "json" -> JsonLines.read(file);
            case "txt" -> TextFile.read(file);
            default ->
                throw new IllegalArgumentException(
                        "%s: files of examples end in .jsonl, .json or .txt, so that their format is known"
                                .formatted(file));
        };
    }

    /// The example that a JSON row holds; the message of the exception is the reason why it holds none.
    static Example example(JsonNode row) {
        if (!row.isObject()) {
            throw new IllegalArgumentException("is %s; expected a JSON object".formatted(kind(row)));
        }
        if (row.has("messages")) {
            return chat(row.get("messages"));
        }
        if (row.has("prompt") || row.has("completion")) {
            return new Example.PromptCompletion(text(row, "prompt"), text(row, "completion"));
        }
        if (row.has("instruction") || row.has("output")) {
            String input = row.hasNonNull("input") ? text(row, "input") : "";
            return new Example.PromptCompletion(alpacaPrompt(text(row, "instruction"), input), text(row, "output"));
        }
        if (row.has("text")) {
            return new Example.Text(text(row, "text"));
        }
        List<String> keys = new ArrayList<>();
        row.fieldNames().forEachRemaining(key -> keys.add('"' + key + '"'));
        throw new IllegalArgumentException(
                "has none of the known shapes; its keys are " + (keys.isEmpty() ? "none" : String.join(", ", keys)));
    }

    /// The prompt of Stanford Alpaca (<https://github.com/tatsu-lab/stanford_alpaca>), with the line break
    /// after `### Response:` that most trainers put there so that the response begins a line.
    static String alpacaPrompt(String instruction, String input) {
        return input.isBlank() ? """
                Below is an instruction that describes a task. Write a response that appropriately completes the request.

                ### Instruction:
                %s

                ### Response:
                """.formatted(instruction) : """
                Below is an instruction that describes a task, paired with an input that provides further context. \
                Write a response that appropriately completes the request.

                ### Instruction:
                %s

                ### Input:
                %s

                ### Response:
                """.formatted(instruction, input);
    }

    private static Example chat(JsonNode messages) {
        if (!messages.isArray() || messages.isEmpty()) {
            throw new IllegalArgumentException(
                    "\"messages\" is %s; expected a list of {\"role\", \"content\"}".formatted(kind(messages)));
        }
        List<Message> turns = new ArrayList<>();
        for (JsonNode message : messages) {
            try {
                turns.add(turn(message));
            } catch (IllegalArgumentException e) {
                throw new IllegalArgumentException("message %d %s".formatted(turns.size() + 1, e.getMessage()), e);
            }
        }
        return new Example.Chat(turns);
    }

    private static Message turn(JsonNode message) {
        if (!message.isObject()) {
            throw new IllegalArgumentException("is %s; expected {\"role\", \"content\"}".formatted(kind(message)));
        }
        if (message.hasNonNull("tool_calls")) {
            throw new IllegalArgumentException(
                    "has \"tool_calls\", which are not supported: write them into \"content\"");
        }
        String role = text(message, "role");
        if (role.isBlank()) {
            throw new IllegalArgumentException("has an empty \"role\"; expected \"system\", \"user\" or \"assistant\"");
        }
        return new Message(role, text(message, "content"));
    }

    private static String text(JsonNode row, String key) {
        JsonNode value = row.path(key);
        if (value.isTextual()) {
            return value.textValue();
        }
        throw new IllegalArgumentException(
                value.isMissingNode()
                        ? "has no \"%s\"".formatted(key)
                        : "\"%s\" is %s; expected a string".formatted(key, kind(value)));
    }

    private static String kind(JsonNode value) {
        return switch (value.getNodeType()) {
            case NULL -> "null";
            case ARRAY -> value.isEmpty() ? "an empty list" : "a list";
            case OBJECT -> "an object";
            case STRING -> "a string";
            case NUMBER -> "the number " + value;
            default -> value.toString();
        };
    }
}
