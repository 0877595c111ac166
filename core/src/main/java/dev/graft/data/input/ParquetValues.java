package dev.graft.data.input;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.Serial;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalTime;
import java.time.temporal.ChronoUnit;
import java.util.Base64;
import java.util.UUID;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.schema.GroupType;
import org.apache.parquet.schema.LogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.DateLogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.DecimalLogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.Float16LogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.IntLogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.ListLogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.MapLogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.TimeLogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.TimestampLogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.UUIDLogicalTypeAnnotation;
import org.apache.parquet.schema.PrimitiveType;
import org.apache.parquet.schema.Type;

/// Parquet's nested columns as the JSON that would hold the same: lists, objects, strings, numbers, null.
///
/// Dates and times become ISO 8601 text, decimals exact numbers, bytes that are not marked as text Base64.
final class ParquetValues {
    private static final JsonNodeFactory JSON = JsonNodeFactory.instance;
    private static final int JULIAN_DAY_OF_1970 = 2_440_588;

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
            case INT32 -> integer(group.getInteger(field, index), 32, meaning);
            case INT64 -> integer(group.getLong(field, index), 64, meaning);
            case INT96 -> JSON.textNode(oldInstant(group.getInt96(field, index).getBytes()));
            case BINARY, FIXED_LEN_BYTE_ARRAY ->
                bytes(group.getBinary(field, index).getBytes(), meaning);
        };
    }

    private static JsonNode integer(long value, int bits, LogicalTypeAnnotation meaning) {
        return switch (meaning) {
            case IntLogicalTypeAnnotation whole
            when !whole.isSigned() ->
                JSON.numberNode(new BigInteger(
                        bits == 32 ? Integer.toUnsignedString((int) value) : Long.toUnsignedString(value)));
            case TimeLogicalTypeAnnotation time ->
                JSON.textNode(LocalTime.MIDNIGHT
                        .plusNanos(Duration.of(value, unit(time.getUnit())).toNanos())
                        .toString());
            case DecimalLogicalTypeAnnotation decimal -> JSON.numberNode(BigDecimal.valueOf(value, decimal.getScale()));
            case DateLogicalTypeAnnotation _ ->
                JSON.textNode(LocalDate.ofEpochDay(value).toString());
            case TimestampLogicalTypeAnnotation time -> JSON.textNode(instant(value, time));
            case null, default -> JSON.numberNode(value);
        };
    }

    private static String instant(long value, TimestampLogicalTypeAnnotation time) {
        String text = Instant.EPOCH.plus(value, unit(time.getUnit())).toString();
        return time.isAdjustedToUTC() ? text : text.substring(0, text.length() - 1);
    }

    private static ChronoUnit unit(LogicalTypeAnnotation.TimeUnit unit) {
        return switch (unit) {
            case MILLIS -> ChronoUnit.MILLIS;
            case MICROS -> ChronoUnit.MICROS;
            case NANOS -> ChronoUnit.NANOS;
        };
    }

    /// How Spark and others wrote times before there was a type for them: nanoseconds of the day, and the
    /// Julian day.
    private static String oldInstant(byte[] value) {
        ByteBuffer bytes = ByteBuffer.wrap(value).order(ByteOrder.LITTLE_ENDIAN);
        long nanos = bytes.getLong();
        long day = bytes.getInt() - JULIAN_DAY_OF_1970;
        String text = Instant.EPOCH.plus(day, ChronoUnit.DAYS).plusNanos(nanos).toString();
        return text.substring(0, text.length() - 1);
    }

    private static JsonNode bytes(byte[] value, LogicalTypeAnnotation meaning) {
        return switch (meaning) {
            case LogicalTypeAnnotation.StringLogicalTypeAnnotation _,
                    LogicalTypeAnnotation.EnumLogicalTypeAnnotation _,
                    LogicalTypeAnnotation.JsonLogicalTypeAnnotation _ -> JSON.textNode(text(value));
            case DecimalLogicalTypeAnnotation decimal ->
                JSON.numberNode(new BigDecimal(new BigInteger(value), decimal.getScale()));
            case Float16LogicalTypeAnnotation _ ->
                JSON.numberNode(Float.float16ToFloat(
                        ByteBuffer.wrap(value).order(ByteOrder.LITTLE_ENDIAN).getShort()));
            case UUIDLogicalTypeAnnotation _ -> {
                ByteBuffer halves = ByteBuffer.wrap(value);
                yield JSON.textNode(new UUID(halves.getLong(), halves.getLong()).toString());
            }
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
