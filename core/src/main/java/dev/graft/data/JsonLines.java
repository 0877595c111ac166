package dev.graft.data;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// Reads examples from JSON: one object a line, or one array of objects.
///
/// Which of the two a file is, its first character decides. Blank lines are passed over; every broken row is
/// reported, with its number and the reason, in one exception.
public final class JsonLines {
    private static final ObjectMapper JSON = JsonMapper.builder()
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION)
            .build();

    private JsonLines() {}

    /// @return  the rows in the order of the file, at least one; see [Rows] for the shapes
    public static List<Row> read(Path file) {
        byte[] bytes = TextFile.bytes(file);
        int begin = TextFile.startsWithByteOrderMark(bytes) ? 3 : 0;
        int first = begin;
        while (first < bytes.length && Character.isWhitespace(bytes[first])) {
            first++;
        }
        if (first == bytes.length) {
            throw new IllegalArgumentException("%s is empty. %s".formatted(file, Rows.KNOWN_SHAPES));
        }
        Reading reading = new Reading(file);
        if (bytes[first] == '[') {
            reading.array(bytes);
        } else {
            reading.lines(bytes, begin);
        }
        return reading.finish();
    }

    /// One pass over one file: the rows that are whole, the faults of the others.
    private static final class Reading {
        private final Path file;
        private final List<Row> rows = new ArrayList<>();
        private final Faults faults = new Faults();

        Reading(Path file) {
            this.file = file;
        }

        void array(byte[] bytes) {
            JsonNode array;
            try {
                array = JSON.readTree(bytes);
            } catch (IOException e) {
                throw new IllegalArgumentException(
                        "%s is not a valid JSON array: %s".formatted(file, reason(e, true)), e);
            }
            if (array.isEmpty()) {
                throw new IllegalArgumentException("%s holds an empty list. %s".formatted(file, Rows.KNOWN_SHAPES));
            }
            int number = 0;
            for (JsonNode row : array) {
                add(++number, row);
            }
        }

        void lines(byte[] bytes, int start) {
            int number = 1;
            for (int from = start, to; from < bytes.length; from = to + 1, number++) {
                to = from;
                while (to < bytes.length && bytes[to] != '\n') {
                    to++;
                }
                line(number, ByteBuffer.wrap(bytes, from, to - from));
            }
        }

        private void line(int number, ByteBuffer bytes) {
            try {
                String line = StandardCharsets.UTF_8.newDecoder().decode(bytes).toString();
                if (!line.isBlank()) {
                    add(number, JSON.readTree(line));
                }
            } catch (CharacterCodingException e) {
                faults.add(number, "is not UTF-8 text");
            } catch (IOException e) {
                faults.add(number, "is not valid JSON: " + reason(e, false));
            }
        }

        private void add(int number, JsonNode row) {
            try {
                rows.add(new Row(file, number, Rows.example(row)));
            } catch (IllegalArgumentException e) {
                faults.add(number, e.getMessage());
            }
        }

        List<Row> finish() {
            faults.throwIfAny(
                    "%s: %d of %d rows cannot be used:".formatted(file, faults.count(), faults.count() + rows.size()),
                    Rows.KNOWN_SHAPES);
            return rows;
        }

        private static String reason(IOException e, boolean withLine) {
            if (!(e instanceof JacksonException json) || json.getLocation() == null) {
                return e.getMessage();
            }
            var where = json.getLocation();
            return withLine
                    ? "line %d, column %d: %s"
                            .formatted(where.getLineNr(), where.getColumnNr(), json.getOriginalMessage())
                    : "column %d: %s".formatted(where.getColumnNr(), json.getOriginalMessage());
        }
    }
}
