package dev.graft.data.input;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectReader;
import java.io.IOException;
import java.io.InputStream;
import java.util.Optional;

/// A JSON array of objects, read one element at a time.
///
/// Behind a syntax error nothing can be told apart any more, so that the first one ends the reading.
final class JsonRows implements RowReader {
    private static final ObjectReader ELEMENT =
            JsonText.MAPPER.reader().without(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

    private final JsonParser parser;
    private int number;

    private JsonRows(InputStream in) throws IOException {
        parser = JsonText.MAPPER.createParser(in);
        parser.nextToken();
    }

    /// By its first character a file is an array, or objects one a line.
    static RowReader open(InputStream in) throws IOException {
        int first;
        do {
            in.mark(1);
            first = in.read();
        } while (first == ' ' || first == '\t' || first == '\r'); // not line ends: they count as lines of JSONL
        in.reset();
        return first == '[' || isArrayBehindBlankLines(in) ? new JsonRows(in) : new JsonLineRows(in);
    }

    private static boolean isArrayBehindBlankLines(InputStream in) throws IOException {
        in.mark(1 << 12);
        byte[] begin = in.readNBytes(1 << 12);
        in.reset();
        for (byte b : begin) {
            if (!Character.isWhitespace(b)) {
                return b == '[';
            }
        }
        return false;
    }

    @Override
    public Optional<RawRow> next() throws IOException {
        try {
            JsonToken token = parser.nextToken();
            if (token == JsonToken.END_ARRAY) {
                requireEnd();
                return Optional.empty();
            }
            number = Math.incrementExact(number);
            return token == null
                    ? Optional.empty()
                    : Optional.of(JsonText.row(number, ELEMENT.<JsonNode>readTree(parser)));
        } catch (JacksonException e) {
            throw new FileFault(
                    "is not a valid JSON array: row %d: line %d, column %d: %s. The rows behind it cannot be read"
                            .formatted(
                                    Math.max(1, number),
                                    e.getLocation().getLineNr(),
                                    e.getLocation().getColumnNr(),
                                    JsonText.reason(e)),
                    e);
        }
    }

    private void requireEnd() throws IOException {
        if (parser.nextToken() != null) {
            throw new FileFault("has more text behind the end of its JSON array, at line %d; expected one array"
                    .formatted(parser.currentTokenLocation().getLineNr()));
        }
    }

    @Override
    public void close() throws IOException {
        parser.close();
    }
}
