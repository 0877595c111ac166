package dev.graft.format;

import static dev.graft.format.FormatException.quote;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Which shard holds which tensor, from `model.safetensors.index.json`. Its `metadata` is not used:
/// published sizes are often wrong.
///
/// @param shardOf tensor name to file name within the directory of the index
record ShardIndex(Map<String, String> shardOf) {
    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .build();

    static ShardIndex read(Path index) {
        Map<String, String> shardOf = new LinkedHashMap<>();
        JsonNode map = parse(index).path("weight_map");
        if (!map.isObject() || map.isEmpty()) {
            throw refusal(index, "it has no weight_map", "an object of tensor names and file names", null);
        }
        map.properties().forEach(pair -> shardOf.put(pair.getKey(), shard(index, pair.getKey(), pair.getValue())));
        return new ShardIndex(shardOf);
    }

    /// Shards in the order in which the index first names them.
    List<String> shards() {
        return shardOf.values().stream().distinct().toList();
    }

    private static JsonNode parse(Path index) {
        try {
            return JSON.readTree(Files.readAllBytes(index));
        } catch (JsonProcessingException e) {
            String found = "it is not valid JSON: " + SafetensorsHeader.describe(e);
            throw refusal(index, found, "one JSON object without duplicate keys", e);
        } catch (IOException e) {
            throw new UncheckedIOException("%s: cannot be read (%s)".formatted(index, e), e);
        }
    }

    /// A plain file name ending in `.safetensors`: an index must not lead out of its directory.
    private static String shard(Path index, String tensor, JsonNode value) {
        String name = value.asText();
        if (!value.isTextual() || !name.matches("[^/\\\\:\\p{Cntrl}]+\\.safetensors")) {
            throw refusal(
                    index,
                    "weight_map puts tensor %s into %s".formatted(quote(tensor), quote(value.toString())),
                    "the name of a .safetensors file in the same directory",
                    null);
        }
        return name;
    }

    private static FormatException refusal(Path index, String found, String expected, Throwable cause) {
        return new FormatException(index, found, expected, "Download the index again.", cause);
    }
}
