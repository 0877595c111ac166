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
            return new RawRow.Broken(number, "is not valid JSON: " + where + e.getOriginalMessage());
        }
    }

    static RawRow row(int number, JsonNode value) {
        return value instanceof ObjectNode object
                ? new RawRow.Values(number, object)
                : new RawRow.Broken(number, "is %s; expected a JSON object".formatted(kind(value)));
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
