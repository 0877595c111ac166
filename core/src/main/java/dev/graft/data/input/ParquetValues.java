package dev.graft.data.input;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.Serial;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.LocalDate;
import java.time.temporal.ChronoUnit;
import java.util.Base64;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.schema.GroupType;
import org.apache.parquet.schema.LogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.DateLogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.DecimalLogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.ListLogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.MapLogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.TimestampLogicalTypeAnnotation;
import org.apache.parquet.schema.PrimitiveType;
import org.apache.parquet.schema.Type;

/// Parquet's nested columns as the JSON that would hold the same: lists, objects, strings, numbers, null.
///
/// Dates and times become ISO 8601 text, decimals exact numbers, bytes that are not marked as text Base64.
final class ParquetValues {
    private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

    private ParquetValues() {}

    static ObjectNode row(Group group) {
        ObjectNode row = JSON.objectNode();
        GroupType type = group.getType();
        for (int field = 0; field < type.getFieldCount(); field++) {
            row.set(type.getFieldName(field), value(group, field));
        }
        return row;
    }

    private static JsonNode value(Group group, int field) {
        Type type = group.getType().getType(field);
        if (type.isRepetition(Type.Repetition.REPEATED)) {
            ArrayNode list = JSON.arrayNode();
            for (int i = 0; i < group.getFieldRepetitionCount(field); i++) {
                list.add(single(group, field, i, type));
            }
            return list;
        }
        return group.getFieldRepetitionCount(field) == 0 ? JSON.nullNode() : single(group, field, 0, type);
    }

    private static JsonNode single(Group group, int field, int index, Type type) {
        if (type.isPrimitive()) {
            return primitive(group, field, index, type.asPrimitiveType());
        }
        Group inner = group.getGroup(field, index);
        return switch (type.getLogicalTypeAnnotation()) {
            case ListLogicalTypeAnnotation _ -> list(inner);
            case MapLogicalTypeAnnotation _ -> map(inner);
            case null, default -> row(inner);
        };
    }

    /// `repeated group list { optional T element }`; in older files the repeated field is the element itself.
    private static ArrayNode list(Group wrapper) {
        ArrayNode list = JSON.arrayNode();
        Type repeated = wrapper.getType().getType(0);
        boolean wrapped = !repeated.isPrimitive()
                && repeated.asGroupType().getFieldCount() == 1
                && !repeated.getName().equals("array")
                && !repeated.getName().endsWith("_tuple");
        for (int i = 0; i < wrapper.getFieldRepetitionCount(0); i++) {
            list.add(wrapped ? value(wrapper.getGroup(0, i), 0) : single(wrapper, 0, i, repeated));
        }
        return list;
    }

    private static ObjectNode map(Group wrapper) {
        ObjectNode map = JSON.objectNode();
        for (int i = 0; i < wrapper.getFieldRepetitionCount(0); i++) {
            Group entry = wrapper.getGroup(0, i);
            map.set(value(entry, 0).asText(), value(entry, 1));
        }
        return map;
    }

    private static JsonNode primitive(Group group, int field, int index, PrimitiveType type) {
        LogicalTypeAnnotation meaning = type.getLogicalTypeAnnotation();
        return switch (type.getPrimitiveTypeName()) {
            case BOOLEAN -> JSON.booleanNode(group.getBoolean(field, index));
            case FLOAT -> JSON.numberNode(group.getFloat(field, index));
            case DOUBLE -> JSON.numberNode(group.getDouble(field, index));
            case INT32 -> integer(group.getInteger(field, index), meaning);
            case INT64 -> integer(group.getLong(field, index), meaning);
            case INT96 -> JSON.textNode(base64(group.getInt96(field, index).getBytes()));
            case BINARY, FIXED_LEN_BYTE_ARRAY ->
                bytes(group.getBinary(field, index).getBytes(), meaning);
        };
    }

    private static JsonNode integer(long value, LogicalTypeAnnotation meaning) {
        return switch (meaning) {
            case DecimalLogicalTypeAnnotation decimal -> JSON.numberNode(BigDecimal.valueOf(value, decimal.getScale()));
            case DateLogicalTypeAnnotation _ ->
                JSON.textNode(LocalDate.ofEpochDay(value).toString());
            case TimestampLogicalTypeAnnotation time -> JSON.textNode(instant(value, time));
            case null, default -> JSON.numberNode(value);
        };
    }

    private static String instant(long value, TimestampLogicalTypeAnnotation time) {
        ChronoUnit unit = switch (time.getUnit()) {
            case MILLIS -> ChronoUnit.MILLIS;
            case MICROS -> ChronoUnit.MICROS;
            case NANOS -> ChronoUnit.NANOS;
        };
        String text = Instant.EPOCH.plus(value, unit).toString();
        return time.isAdjustedToUTC() ? text : text.substring(0, text.length() - 1);
    }

    private static JsonNode bytes(byte[] value, LogicalTypeAnnotation meaning) {
        return switch (meaning) {
            case LogicalTypeAnnotation.StringLogicalTypeAnnotation _,
                    LogicalTypeAnnotation.EnumLogicalTypeAnnotation _,
                    LogicalTypeAnnotation.JsonLogicalTypeAnnotation _ -> JSON.textNode(text(value));
            case DecimalLogicalTypeAnnotation decimal ->
                JSON.numberNode(new BigDecimal(new BigInteger(value), decimal.getScale()));
            case null, default -> JSON.textNode(base64(value));
        };
    }

    private static String text(byte[] utf8) {
        ByteBuffer bytes = ByteBuffer.wrap(utf8);
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(bytes).toString();
        } catch (CharacterCodingException e) {
            throw new NotText(
                    "byte %d of a string is 0x%02X".formatted(bytes.position() + 1, utf8[bytes.position()]), e);
        }
    }

    /// A string column that holds something else than UTF-8.
    static final class NotText extends IllegalArgumentException {
        @Serial
        private static final long serialVersionUID = 1;

        NotText(String reason, Throwable cause) {
            super(reason, cause);
        }
    }

    private static String base64(byte[] bytes) {
        return Base64.getEncoder().encodeToString(bytes);
    }
}
