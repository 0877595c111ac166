package dev.graft.cli;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.cfg.JsonNodeFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// The rows that `graft score` reads: JSON objects with either `text` or `token_ids`, everything else in
/// them kept.
///
/// @param faults what is wrong with the file so far, `row 3: …` each
record ScoreRows(Path file, List<Row> rows, List<String> faults) {
    private static final int FAULTS_SHOWN = 10;
    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS, DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
            .enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION)
            .disable(JsonNodeFeature.STRIP_TRAILING_BIGDECIMAL_ZEROES) // numbers of other keys stay as written
            .build();

    /// One row.
    ///
    /// @param number line of the file, counted from 1
    record Row(int number, ObjectNode json) {
        boolean isText() {
            return json.has("text");
        }

        String text() {
            return json.get("text").textValue();
        }

        int[] tokenIds() {
            JsonNode array = json.get("token_ids");
            int[] ids = new int[array.size()];
            for (int i = 0; i < ids.length; i++) {
                ids[i] = array.get(i).intValue();
            }
            return ids;
        }
    }

    /// Reads all rows; blank lines are passed over. Broken rows are among the faults.
    static ScoreRows read(Path file) {
        byte[] bytes = bytes(file);
        ScoreRows all = new ScoreRows(file, new ArrayList<>(), new ArrayList<>());
        boolean marked =
                bytes.length >= 3 && bytes[0] == (byte) 0xEF && bytes[1] == (byte) 0xBB && bytes[2] == (byte) 0xBF;
        int number = 1;
        for (int from = marked ? 3 : 0, to; from < bytes.length; from = to + 1, number++) {
            to = from;
            while (to < bytes.length && bytes[to] != '\n') {
                to++;
            }
            all.add(number, ByteBuffer.wrap(bytes, from, to - from));
        }
        if (all.rows.isEmpty() && all.faults.isEmpty()) {
            throw new IllegalArgumentException(
                    "%s holds no rows; expected one {\"text\": …} or {\"token_ids\": […]} a line".formatted(file));
        }
        return all;
    }

    private static byte[] bytes(Path file) {
        if (Files.isDirectory(file)) {
            throw new IllegalArgumentException("%s is a folder; --input takes a .jsonl file".formatted(file));
        }
        try {
            return Files.readAllBytes(file);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + file, e);
        }
    }

    private void add(int number, ByteBuffer line) {
        try {
            String text = StandardCharsets.UTF_8.newDecoder().decode(line).toString();
            if (!text.isBlank()) {
                rows.add(new Row(number, checked(JSON.readTree(text))));
            }
        } catch (CharacterCodingException e) {
            fault(number, "it is not UTF-8 text");
        } catch (JacksonException e) {
            String column = e.getLocation() == null
                    ? ""
                    : " at column " + e.getLocation().getColumnNr();
            fault(number, "it is not valid JSON%s: %s".formatted(column, e.getOriginalMessage()));
        } catch (IllegalArgumentException e) {
            fault(number, e.getMessage());
        }
    }

    /// The row as an object; the message of the exception is the reason why it is none to score.
    private static ObjectNode checked(JsonNode row) {
        if (!(row instanceof ObjectNode object)) {
            throw new IllegalArgumentException("it is %s; expected an object".formatted(brief(row)));
        }
        boolean hasText = object.has("text");
        boolean hasIds = object.has("token_ids");
        if (hasText && hasIds) {
            throw new IllegalArgumentException("it has both \"text\" and \"token_ids\"; leave one of them out");
        }
        if (!hasText && !hasIds) {
            List<String> keys = new ArrayList<>();
            object.fieldNames().forEachRemaining(key -> keys.add('"' + key + '"'));
            throw new IllegalArgumentException("it has neither \"text\" nor \"token_ids\"; its keys are "
                    + (keys.isEmpty() ? "none" : String.join(", ", keys)));
        }
        if (object.has("logprobs")) {
            throw new IllegalArgumentException("it has \"logprobs\" already; remove them, or rename the key");
        }
        requireType(object, hasText);
        return object;
    }

    private static void requireType(ObjectNode row, boolean isText) {
        if (isText) {
            JsonNode text = row.get("text");
            if (!text.isTextual()) {
                throw new IllegalArgumentException("\"text\" is %s; expected a string".formatted(brief(text)));
            }
            if (!StandardCharsets.UTF_8.newEncoder().canEncode(text.textValue())) {
                throw new IllegalArgumentException("\"text\" holds half a surrogate pair; expected Unicode text");
            }
            return;
        }
        JsonNode ids = row.get("token_ids");
        if (!ids.isArray()) {
            throw new IllegalArgumentException("\"token_ids\" is %s; expected a list of numbers".formatted(brief(ids)));
        }
        for (JsonNode id : ids) {
            if (!id.isIntegralNumber() || !id.canConvertToInt()) {
                throw new IllegalArgumentException(
                        "\"token_ids\" holds %s; expected whole numbers".formatted(brief(id)));
            }
        }
    }

    private static String brief(JsonNode value) {
        String text = value.toString();
        return text.length() > 40 ? text.substring(0, 40) + "…" : text;
    }

    void fault(int number, String reason) {
        faults.add("row %d: %s".formatted(number, reason));
    }

    /// Ends the run with one message when any row has a fault.
    void throwIfFaulty() {
        if (faults.isEmpty()) {
            return;
        }
        var message = new StringBuilder("%s: %,d %s cannot be scored; nothing was written:"
                .formatted(file, faults.size(), faults.size() == 1 ? "row" : "rows"));
        faults.stream()
                .limit(FAULTS_SHOWN)
                .forEach(line -> message.append("\n  ").append(line));
        if (faults.size() > FAULTS_SHOWN) {
            message.append("\n  … and %,d more".formatted(faults.size() - FAULTS_SHOWN));
        }
        throw new IllegalArgumentException(message.toString());
    }
}
