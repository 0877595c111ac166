package dev.graft.optim;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;

/// Numbers written by `scripts/goldens_optim.py`.
final class Goldens {
    private Goldens() {}

    static JsonNode read(String file) {
        try (var in = Goldens.class.getResourceAsStream("/goldens/" + file)) {
            return new ObjectMapper().readTree(in);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read /goldens/" + file, e);
        }
    }

    /// All numbers of nested arrays, in their order.
    static float[] floats(JsonNode node) {
        if (!node.isArray()) {
            return new float[] {(float) node.asDouble()};
        }
        int size = 0;
        float[] values = new float[0];
        for (JsonNode child : node) {
            float[] part = floats(child);
            values = java.util.Arrays.copyOf(values, size + part.length);
            System.arraycopy(part, 0, values, size, part.length);
            size += part.length;
        }
        return values;
    }
}
