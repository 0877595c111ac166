package dev.graft.model.gguf;

import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.format.Gguf;
import dev.graft.format.GgufValue;
import dev.graft.model.ModelConfig;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Phi-3's LongRoPE: two tensors of divisors, for short and for long texts, and one number that cosines
/// and sines are multiplied by.
///
/// Which divisors apply is decided by each document's length in Transformers and in Graft, and by the
/// size of the context it was started with in llama.cpp. Beyond that both compute the same.
final class GgufLongRope {
    static final String SHORT = "rope_factors_short.weight";
    static final String LONG = "rope_factors_long.weight";

    private static final double SAME = 1e-6;

    private GgufLongRope() {}

    /// The words of `rope_scaling`, and `original_max_position_embeddings` beside them, where Phi-3 has it.
    static Map<String, Object> read(Gguf gguf, String prefix, Map<String, Object> config, int pairs) {
        long longest = ((Number) config.get("max_position_embeddings")).longValue();
        long original = gguf.whole(prefix + "scaling.original_context_length").orElse(longest);
        config.put("original_max_position_embeddings", original);
        Map<String, Object> scaling = new LinkedHashMap<>();
        scaling.put("type", "longrope");
        scaling.put("short_factor", divisors(gguf, SHORT, pairs));
        scaling.put("long_factor", divisors(gguf, LONG, pairs));
        double magnitude = gguf.number(prefix + "scaling.attn_factor").orElse(1.0);
        double usual = magnitude((double) longest / original, original);
        if (Math.abs(magnitude - usual) > SAME * usual) {
            scaling.put("attention_factor", GgufFamily.shortest(magnitude));
        }
        return scaling;
    }

    private static List<Double> divisors(Gguf gguf, String tensor, int pairs) {
        float[] values = gguf.entries().containsKey(tensor)
                ? gguf.data(tensor).toArray(ValueLayout.JAVA_FLOAT_UNALIGNED)
                : new float[0];
        if (values.length != pairs) {
            throw gguf.refusal(
                    "%s has %d values".formatted(tensor, values.length), "%d, one a turned pair".formatted(pairs));
        }
        List<Double> all = new ArrayList<>();
        for (float value : values) {
            all.add(GgufFamily.shortest(value));
        }
        return all;
    }

    /// @param scaling `rope_scaling`
    static void write(ModelConfig config, JsonNode scaling, String prefix, Map<String, GgufValue> metadata) {
        int original = original(config);
        double factor = scaling.path("factor").asDouble((double) config.size("max_position_embeddings") / original);
        metadata.put(
                prefix + "scaling.attn_factor",
                GgufValue.of(scaling.path("attention_factor").asDouble(magnitude(factor, original))));
    }

    /// The length that short texts end at.
    static int original(ModelConfig config) {
        return config.optionalSize("original_max_position_embeddings").orElse(4096);
    }

    private static double magnitude(double factor, double original) {
        return factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original));
    }

    static Map<String, float[]> tensors(ModelConfig config, JsonNode scaling) {
        Map<String, float[]> tensors = new LinkedHashMap<>();
        tensors.put(LONG, numbers(config, scaling, "long_factor"));
        tensors.put(SHORT, numbers(config, scaling, "short_factor"));
        return tensors;
    }

    private static float[] numbers(ModelConfig config, JsonNode scaling, String key) {
        JsonNode list = scaling.path(key);
        float[] values = new float[list.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) list.get(i).asDouble();
        }
        if (values.length != GgufRope.turned(config) / 2) {
            throw config.wrong(
                    "rope_scaling." + key,
                    "it has %d numbers".formatted(values.length),
                    GgufRope.turned(config) / 2 + ", one a turned pair");
        }
        return values;
    }
}
