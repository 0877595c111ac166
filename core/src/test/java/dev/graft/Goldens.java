package dev.graft;

import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.format.Json;
import dev.graft.format.WeightFiles;
import java.lang.foreign.ValueLayout;
import java.net.URISyntaxException;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.stream.IntStream;

/// Reference values under `src/test/resources/goldens`; the scripts that made them are in `scripts/`.
public final class Goldens {
    private Goldens() {}

    public static Path path(String relative) {
        try {
            return Path.of(Goldens.class.getResource("/goldens/" + relative).toURI());
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    public static JsonNode json(String relative) {
        return Json.readObject(path(relative), "a golden");
    }

    public static double[] doubles(JsonNode array) {
        return IntStream.range(0, array.size())
                .mapToDouble(i -> array.get(i).asDouble())
                .toArray();
    }

    public static int[] ints(JsonNode array) {
        return IntStream.range(0, array.size()).map(i -> array.get(i).asInt()).toArray();
    }

    /// A float32 tensor of a safetensors file.
    public static float[] floats(WeightFiles files, String name) {
        var data = files.data(name);
        float[] values = new float[(int) (data.byteSize() / 4)];
        for (int i = 0; i < values.length; i++) {
            values[i] = data.get(ValueLayout.JAVA_FLOAT_UNALIGNED, 4L * i);
        }
        return values;
    }

    /// All numbers of nested arrays, in their order.
    public static float[] floats(JsonNode array) {
        FloatBuffer values = FloatBuffer.allocate(count(array));
        put(array, values);
        return values.array();
    }

    private static int count(JsonNode array) {
        return array.isArray() ? array.valueStream().mapToInt(Goldens::count).sum() : 1;
    }

    private static void put(JsonNode array, FloatBuffer values) {
        if (array.isArray()) {
            array.forEach(part -> put(part, values));
        } else {
            values.put((float) array.asDouble());
        }
    }
}
