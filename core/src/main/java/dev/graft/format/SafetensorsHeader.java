package dev.graft.format;

import static dev.graft.format.FormatException.quote;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonFactoryBuilder;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import dev.graft.format.Safetensors.Entry;
import dev.graft.tensor.Shapes;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// The JSON at the start of a safetensors file, read as a stream and held against the rules of the
/// format. Nothing in it is believed before it is checked: what is allocated is in proportion to the
/// header's own bytes.
///
/// Stricter than the reference implementation where the specification is: duplicate keys, a header that
/// starts with white space, a null `__metadata__` and tensors described by an array are refused.
final class SafetensorsHeader {
    static final String METADATA = "__metadata__";
    static final int MAX_BYTES = 100_000_000;

    private static final String REPLACE = "The file is damaged: download or export it again.";

    private static final JsonFactory JSON = new JsonFactoryBuilder()
            // names come from the file: neither interned nor kept in a table that outlives it
            .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
            .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxStringLength(MAX_BYTES)
                    .maxNameLength(MAX_BYTES)
                    .build())
            .build();

    private final Path file;
    private final long dataBytes;
    private final Map<String, String> metadata = new LinkedHashMap<>();
    private final List<Entry> entries = new ArrayList<>();

    private SafetensorsHeader(Path file, long dataBytes) {
        this.file = file;
        this.dataBytes = dataBytes;
    }

    /// @param json      the header as stored
    /// @param dataBytes bytes that follow it in the file
    static SafetensorsHeader parse(Path file, byte[] json, long dataBytes) {
        var header = new SafetensorsHeader(file, dataBytes);
        if (json[0] != '{') {
            throw header.refusal(
                    "its header starts with byte 0x%02x".formatted(json[0] & 0xff), "\"{\", a JSON object");
        }
        try {
            header.read(json);
        } catch (JsonProcessingException e) {
            String found = "its header is not the JSON of the format: " + describe(e);
            throw new FormatException(file, found, "one JSON object without duplicate keys", REPLACE, e);
        } catch (CharacterCodingException e) {
            throw new FormatException(file, "its header is not UTF-8", "JSON in UTF-8", REPLACE, e);
        } catch (IOException e) {
            throw new UncheckedIOException("%s: cannot read the header".formatted(file), e);
        }
        header.checkLayout();
        return header;
    }

    Map<String, String> metadata() {
        return Collections.unmodifiableMap(metadata);
    }

    /// Entries in the order of their bytes.
    Map<String, Entry> entries() {
        Map<String, Entry> byName = LinkedHashMap.newLinkedHashMap(entries.size());
        entries.forEach(entry -> byName.put(entry.name(), entry));
        return Collections.unmodifiableMap(byName);
    }

    private void read(byte[] json) throws IOException {
        // this decoder reports malformed bytes; the usual ones would replace them
        var characters = new InputStreamReader(new ByteArrayInputStream(json), StandardCharsets.UTF_8.newDecoder());
        try (JsonParser parser = JSON.createParser(characters)) {
            parser.nextToken();
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String name = text(parser.currentName());
                parser.nextToken();
                if (name.equals(METADATA)) {
                    readMetadata(parser);
                } else {
                    entries.add(readEntry(name, parser));
                }
            }
            if (parser.nextToken() != null) {
                throw refusal("something follows the JSON object of its header", "only white space there");
            }
        }
    }

    private void readMetadata(JsonParser parser) throws IOException {
        require(parser, JsonToken.START_OBJECT, METADATA, "an object of strings");
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            String key = text(parser.currentName());
            parser.nextToken();
            require(parser, JsonToken.VALUE_STRING, METADATA + "." + key, "a string");
            metadata.put(key, text(parser.getText()));
        }
    }

    private Entry readEntry(String name, JsonParser parser) throws IOException {
        require(parser, JsonToken.START_OBJECT, name, "an object with dtype, shape and data_offsets");
        Optional<StoredType> type = Optional.empty();
        Optional<long[]> shape = Optional.empty();
        Optional<long[]> offsets = Optional.empty();
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            String field = parser.currentName();
            parser.nextToken();
            switch (field) {
                case "dtype" -> type = Optional.of(readType(name, parser));
                case "shape" -> shape = Optional.of(readLongs(name, field, parser));
                case "data_offsets" -> offsets = Optional.of(readLongs(name, field, parser));
                default -> parser.skipChildren(); // the reference implementation ignores these too
            }
        }
        if (type.isEmpty() || shape.isEmpty() || offsets.isEmpty()) {
            String missing = type.isEmpty() ? "dtype" : shape.isEmpty() ? "shape" : "data_offsets";
            throw refusal("tensor %s has no %s".formatted(quote(name), missing), "dtype, shape and data_offsets");
        }
        return entry(name, type.get(), shape.get(), offsets.get());
    }

    private StoredType readType(String name, JsonParser parser) throws IOException {
        require(parser, JsonToken.VALUE_STRING, name + ".dtype", "a string");
        String type = parser.getText();
        return StoredType.named(type)
                .orElseThrow(() -> new FormatException(
                        file,
                        "tensor %s has dtype %s".formatted(quote(name), quote(type)),
                        "one of " + StoredType.names(),
                        "Convert it to one of these, or load it with a newer Graft."));
    }

    private long[] readLongs(String name, String field, JsonParser parser) throws IOException {
        require(parser, JsonToken.START_ARRAY, name + "." + field, "an array of whole numbers");
        long[] values = new long[4];
        int count = 0;
        while (parser.nextToken() != JsonToken.END_ARRAY) {
            require(parser, JsonToken.VALUE_NUMBER_INT, name + "." + field, "whole numbers");
            if (count == values.length) {
                values = Arrays.copyOf(values, 2 * count);
            }
            values[count++] = parseCount(name, field, parser.getText());
        }
        return Arrays.copyOf(values, count);
    }

    private long parseCount(String name, String field, String digits) {
        try {
            if (!digits.startsWith("-")) {
                return Long.parseLong(digits);
            }
        } catch (NumberFormatException e) {
            // falls through: more than 63 bits
        }
        throw refusal(
                "%s of tensor %s holds %s".formatted(field, quote(name), quote(digits)), "0 to " + Long.MAX_VALUE);
    }

    private Entry entry(String name, StoredType type, long[] shape, long[] offsets) {
        String tensor = "tensor " + quote(name);
        if (offsets.length != 2 || offsets[0] > offsets[1] || offsets[1] > dataBytes) {
            throw refusal(
                    "%s has data_offsets %s".formatted(tensor, brief(offsets)),
                    "[begin, end] within the %,d bytes that follow the header".formatted(dataBytes));
        }
        long bits;
        try {
            bits = Math.multiplyExact(Shapes.elements(shape), (long) type.bits());
        } catch (ArithmeticException e) {
            throw refusal(
                    "%s of shape %s overflows 63 bits".formatted(tensor, brief(shape)), "a size that fits a file");
        }
        if (bits % 8 != 0 || bits / 8 != offsets[1] - offsets[0]) {
            throw refusal(
                    "%s takes %,d bytes".formatted(tensor, offsets[1] - offsets[0]),
                    "%s %s, which is %,d bits".formatted(type, brief(shape), bits));
        }
        return new Entry(name, type.name(), type.dtype(), shape, offsets[0], offsets[1]);
    }

    /// The tensors, in the order of their bytes, cover the rest of the file exactly once.
    private void checkLayout() {
        entries.sort(Comparator.comparingLong(Entry::begin).thenComparingLong(Entry::end));
        long next = 0;
        for (Entry entry : entries) {
            if (entry.begin() != next) {
                throw refusal(
                        "tensor %s starts at byte %,d of the data and %s"
                                .formatted(
                                        quote(entry.name()),
                                        entry.begin(),
                                        entry.begin() < next
                                                ? "overlaps the one before it"
                                                : "leaves a hole before it"),
                        "it at byte %,d, where the one before it ends".formatted(next));
            }
            next = entry.end();
        }
        if (next != dataBytes) {
            throw refusal(
                    "%,d bytes follow the header and its tensors take %,d".formatted(dataBytes, next),
                    "the two to be equal");
        }
    }

    private void require(JsonParser parser, JsonToken token, String where, String expected) {
        if (parser.currentToken() != token) {
            String found = "%s in its header is %s".formatted(quote(where), describe(parser.currentToken()));
            throw refusal(found, expected);
        }
    }

    /// JSON can spell half a surrogate pair as an escape; no UTF-8 text can hold one.
    private String text(String text) {
        if (!StandardCharsets.UTF_8.newEncoder().canEncode(text)) {
            throw refusal("its header holds %s, half a surrogate pair".formatted(quote(text)), "Unicode text");
        }
        return text;
    }

    private FormatException refusal(String found, String expected) {
        return new FormatException(file, found, expected, REPLACE);
    }

    /// What the parser did not like, and where it says so.
    static String describe(JsonProcessingException e) {
        return e.getLocation() == null
                ? e.getOriginalMessage()
                : "%s at line %d, column %d"
                        .formatted(
                                e.getOriginalMessage(),
                                e.getLocation().getLineNr(),
                                e.getLocation().getColumnNr());
    }

    private static String describe(JsonToken token) {
        return switch (token) {
            case START_OBJECT -> "an object";
            case START_ARRAY -> "an array";
            case VALUE_STRING -> "a string";
            case VALUE_NUMBER_INT -> "a whole number";
            case VALUE_NUMBER_FLOAT -> "a number with a fraction or exponent";
            case VALUE_TRUE, VALUE_FALSE -> "a truth value";
            case VALUE_NULL -> "null";
            default -> "nothing that can be read";
        };
    }

    private static String brief(long[] values) {
        return values.length <= 8
                ? Arrays.toString(values)
                : Arrays.toString(Arrays.copyOf(values, 8)).replace("]", ", …] (%d values)".formatted(values.length));
    }
}
