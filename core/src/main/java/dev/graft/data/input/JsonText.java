package dev.graft.data.input;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.cfg.JsonNodeFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Optional;

/// How rows of JSON are read: a key given twice is a fault, numbers stay exact, strings may be as long
/// as a row.
final class JsonText {
    static final JsonMapper MAPPER = JsonMapper.builder(JsonFactory.builder()
                    .streamReadConstraints(StreamReadConstraints.builder()
                            .maxStringLength(Integer.MAX_VALUE)
                            .build())
                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    .disable(StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION)
                    .build())
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS, DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
            .disable(JsonNodeFeature.STRIP_TRAILING_BIGDECIMAL_ZEROES) // numbers stay as written
            .build();

    private JsonText() {}

    static RawRow row(int number, String json) {
        try {
            return row(number, MAPPER.readTree(json));
        } catch (JacksonException e) {
            String where = e.getLocation() == null
                    ? ""
                    : "column %d: ".formatted(e.getLocation().getColumnNr());
            return new RawRow.Broken(number, "is not valid JSON: " + where + reason(e));
        }
    }

    static RawRow row(int number, JsonNode value) {
        if (!(value instanceof ObjectNode object)) {
            return new RawRow.Broken(number, "is %s; expected a JSON object".formatted(kind(value)));
        }
        return halfCharacter(object)
                .<RawRow>map(half -> new RawRow.Broken(
                        number, "holds %s, half a surrogate pair, which is no character".formatted(half)))
                .orElseGet(() -> new RawRow.Values(number, object));
    }

    /// What the parser found wrong, without its words about itself.
    static String reason(JacksonException e) {
        String message = e.getOriginalMessage()
                .replaceAll(" \\(start marker at \\[.*?]\\)", "")
                .replaceAll(": enable `[^`]*` to allow", "")
                .replaceAll(", from `[^`]*`", "");
        return message.startsWith("Trailing token") ? "there is more behind the end of the object" : message;
    }

    /// The first half of a surrogate pair that stands alone in a string; written to a file or given to a
    /// tokenizer it would become another character.
    private static Optional<String> halfCharacter(JsonNode value) {
        if (value.isTextual()) {
            return halfCharacter(value.textValue());
        }
        if (value instanceof ObjectNode object) {
            for (var field : object.properties()) {
                Optional<String> half = halfCharacter(field.getKey()).or(() -> halfCharacter(field.getValue()));
                if (half.isPresent()) {
                    return half;
                }
            }
            return Optional.empty();
        }
        for (JsonNode item : value) {
            Optional<String> half = halfCharacter(item);
            if (half.isPresent()) {
                return half;
            }
        }
        return Optional.empty();
    }

    private static Optional<String> halfCharacter(String text) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (Character.isSurrogate(c)) {
                if (Character.isLowSurrogate(c)
                        || i + 1 == text.length()
                        || !Character.isLowSurrogate(text.charAt(i + 1))) {
                    return Optional.of("\\u%04x".formatted((int) c));
                }
                i++;
            }
        }
        return Optional.empty();
    }

    /// What a value is, as a sentence names it.
    static String kind(JsonNode value) {
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
