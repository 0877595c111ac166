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
import java.util.Optional;

/// Scaling of rotary positions: settings in a GGUF file's metadata and, for Llama 3.1 and later, a
/// tensor of factors.
public final class GgufRope {
    /// Divides the angle of each pair.
    public static final String FACTORS = "rope_freqs.weight";

    private static final double DEFAULT_THETA = 10_000;
    private static final double SAME = 1e-5;

    private GgufRope() {}

    static void read(Gguf gguf, String architecture, Map<String, Object> config) {
        String prefix = architecture + ".rope.";
        double theta =
                gguf.number(prefix + "freq_base").map(GgufFamily::shortest).orElse(DEFAULT_THETA);
        config.put("rope_theta", theta);
        int headDim = headDim(config);
        long turned = gguf.whole(prefix + "dimension_count").orElse((long) headDim);
        if (turned != headDim) {
            config.put("partial_rotary_factor", (double) turned / headDim);
        }
        if (gguf.entries().containsKey(GgufLongRope.LONG)) {
            config.put("rope_scaling", GgufLongRope.read(gguf, prefix, config, (int) turned / 2));
        } else {
            scaling(gguf, prefix, theta, headDim).ifPresent(scaling -> config.put("rope_scaling", scaling));
        }
    }

    private static int headDim(Map<String, Object> config) {
        Object own = config.get("head_dim");
        return own instanceof Number number
                ? number.intValue()
                : ((Number) config.get("hidden_size")).intValue()
                        / ((Number) config.get("num_attention_heads")).intValue();
    }

    private static Optional<Map<String, Object>> scaling(Gguf gguf, String prefix, double theta, int headDim) {
        if (gguf.entries().containsKey(FACTORS)) {
            return Optional.of(fromFactors(gguf, theta, headDim));
        }
        double factor = gguf.number(prefix + "scaling.factor")
                .or(() -> gguf.number(prefix + "scale_linear"))
                .map(GgufFamily::shortest)
                .orElse(1.0);
        String type = gguf.text(prefix + "scaling.type").orElse("linear");
        if (type.equals("yarn")) {
            requireUsual(gguf, prefix + "scaling.");
        }
        if (type.equals("none") || type.equals("linear") && factor == 1) {
            return Optional.empty();
        }
        Map<String, Object> scaling = new LinkedHashMap<>();
        scaling.put("rope_type", type); // linear, yarn, longrope: the names are the same
        scaling.put("factor", factor);
        gguf.whole(prefix + "scaling.original_context_length")
                .ifPresent(length -> scaling.put("original_max_position_embeddings", length));
        return Optional.of(scaling);
    }

    /// What newer converters can say of YaRN, and Graft takes for granted.
    private static void requireUsual(Gguf gguf, String prefix) {
        Map<String, Double> usual = Map.of(
                "attn_factor", 1.0,
                "yarn_attn_factor", 1.0,
                "yarn_ext_factor", 1.0,
                "yarn_beta_fast", 32.0,
                "yarn_beta_slow", 1.0,
                "yarn_log_multiplier", 0.0);
        usual.forEach((key, value) -> gguf.number(prefix + key).ifPresent(found -> {
            if (!found.equals(value)) {
                throw gguf.refusal("%s is %s".formatted(prefix + key, GgufFamily.shortest(found)), value + " there");
            }
        }));
    }

    /// The factors that Llama's settings give, or else the factors themselves, which Transformers calls
    /// "longrope" with the same ones for short and long texts.
    private static Map<String, Object> fromFactors(Gguf gguf, double theta, int headDim) {
        float[] factors = gguf.data(FACTORS).toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
        if (factors.length != headDim / 2) {
            throw gguf.refusal(
                    "%s has %d values".formatted(FACTORS, factors.length), "%d, one a pair".formatted(headDim / 2));
        }
        double factor = 1;
        for (float value : factors) {
            factor = Math.max(factor, value);
        }
        Llama3 llama3 = new Llama3(GgufFamily.shortest(factor), 1, 4, 8192);
        Map<String, Object> scaling = new LinkedHashMap<>();
        if (llama3.gives(factors, theta)) {
            scaling.put("rope_type", "llama3");
            scaling.put("factor", llama3.factor);
            scaling.put("low_freq_factor", llama3.low);
            scaling.put("high_freq_factor", llama3.high);
            scaling.put("original_max_position_embeddings", (long) llama3.original);
            return scaling;
        }
        List<Double> values = new ArrayList<>();
        for (float value : factors) {
            values.add(GgufFamily.shortest(value));
        }
        scaling.put("rope_type", "longrope");
        scaling.put("short_factor", values);
        scaling.put("long_factor", values);
        scaling.put("attention_factor", 1.0);
        return scaling;
    }

    static void write(ModelConfig config, String architecture, Map<String, GgufValue> metadata) {
        String prefix = architecture + ".rope.";
        metadata.put(prefix + "dimension_count", GgufValue.of((long) turned(config)));
        metadata.put(prefix + "freq_base", GgufValue.of(theta(config)));
        JsonNode scaling = scaling(config);
        String type = type(scaling);
        if (isLong(config)) {
            metadata.put(
                    prefix + "scaling.original_context_length", GgufValue.of((long) GgufLongRope.original(config)));
            if (!type.equals("default")) {
                GgufLongRope.write(config, scaling, prefix, metadata);
            }
            return;
        }
        requireKnown(config, architecture, type);
        switch (type) {
            case "default" -> {}
            case "llama3" -> {} // a tensor
            case "linear", "yarn" -> {
                requireUsual(config, scaling);
                if (!scaling.path("factor").isNumber()) {
                    throw config.wrong("rope_scaling.factor", "it is missing", "a number, to go into a GGUF file");
                }
                metadata.put(prefix + "scaling.type", GgufValue.of(type));
                metadata.put(
                        prefix + "scaling.factor",
                        GgufValue.of(scaling.path("factor").asDouble()));
                JsonNode own = config.json().path("original_max_position_embeddings");
                JsonNode original = own.isNumber() ? own : scaling.path("original_max_position_embeddings");
                if (original.isNumber()) {
                    metadata.put(prefix + "scaling.original_context_length", GgufValue.of(original.asLong()));
                }
            }
            default -> throw new IllegalStateException(type);
        }
    }

    private static void requireKnown(ModelConfig config, String architecture, String type) {
        List<String> known = switch (architecture) {
            case "llama" -> List.of("default", "linear", "yarn", "llama3");
            case "gemma3" -> List.of("default", "linear");
            default -> List.of("default", "linear", "yarn");
        };
        if (!known.contains(type)) {
            throw config.wrong(
                    "rope_scaling",
                    "its type is \"" + type + "\"",
                    "one of %s in a GGUF file of %s".formatted(String.join(", ", known), architecture));
        }
    }

    /// The tensors of factors that a model's GGUF file needs.
    static Map<String, float[]> tensors(ModelConfig config) {
        JsonNode scaling = scaling(config);
        if (isLong(config) && !type(scaling).equals("default")) {
            return GgufLongRope.tensors(config, scaling);
        }
        if (!type(scaling).equals("llama3")) {
            return Map.of();
        }
        Llama3 llama3 = new Llama3(
                scaling.path("factor").asDouble(8),
                scaling.path("low_freq_factor").asDouble(1),
                scaling.path("high_freq_factor").asDouble(4),
                scaling.path("original_max_position_embeddings").asDouble(8192));
        double[] factors = llama3.factors(GgufFamily.headDim(config) / 2, theta(config));
        float[] values = new float[factors.length];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) factors[i];
        }
        return Map.of(FACTORS, values);
    }

    /// Phi-3, which has LongRoPE or no scaling; its first configurations called it "su" or "yarn".
    private static boolean isLong(ModelConfig config) {
        return config.modelType().equals("phi3");
    }

    /// What llama.cpp takes for granted of a scaling.
    private static void requireUsual(ModelConfig config, JsonNode scaling) {
        Map<String, Double> usual = Map.of("beta_fast", 32.0, "beta_slow", 1.0);
        for (String key : List.of("beta_fast", "beta_slow", "attention_factor", "mscale", "mscale_all_dim")) {
            JsonNode value = scaling.path(key);
            if (value.isNumber() && !Double.valueOf(value.asDouble()).equals(usual.get(key))) {
                throw config.wrong(
                        "rope_scaling." + key,
                        "it is " + value,
                        usual.containsKey(key) ? usual.get(key) + " in a GGUF file" : "nothing in a GGUF file");
            }
        }
        if (!scaling.path("truncate").asBoolean(true)) {
            throw config.wrong("rope_scaling.truncate", "it is false", "true in a GGUF file");
        }
    }

    /// How many elements of a head are turned.
    static int turned(ModelConfig config) {
        double part = scaling(config)
                .path("partial_rotary_factor")
                .asDouble(config.json().path("partial_rotary_factor").asDouble(1));
        return (int) (GgufFamily.headDim(config) * part);
    }

    /// Where layers differ, that of those which attend to everything.
    private static JsonNode scaling(ModelConfig config) {
        JsonNode all = config.json().path(config.has("rope_scaling") ? "rope_scaling" : "rope_parameters");
        return all.path("full_attention").isObject() ? all.path("full_attention") : all;
    }

    private static String type(JsonNode scaling) {
        return scaling.path("rope_type").asText(scaling.path("type").asText("default"));
    }

    private static double theta(ModelConfig config) {
        JsonNode scaling = scaling(config).path("rope_theta");
        return scaling.isNumber()
                ? scaling.asDouble()
                : config.json().path("rope_theta").asDouble(DEFAULT_THETA);
    }

    /// Llama 3.1's scaling: long waves are slowed by `factor`, short ones kept, those between blended.
    private record Llama3(double factor, double low, double high, double original) {
        double[] factors(int pairs, double theta) {
            double[] factors = new double[pairs];
            for (int i = 0; i < pairs; i++) {
                double wavelength = 2 * Math.PI * Math.pow(theta, (double) i / pairs);
                double smooth = (original / wavelength - low) / (high - low);
                factors[i] = wavelength > original / low
                        ? factor
                        : wavelength < original / high ? 1 : 1 / ((1 - smooth) / factor + smooth);
            }
            return factors;
        }

        boolean gives(float[] expected, double theta) {
            double[] factors = factors(expected.length, theta);
            for (int i = 0; i < factors.length; i++) {
                if (Math.abs(factors[i] - expected[i]) > SAME * factors[i]) {
                    return false;
                }
            }
            return true;
        }
    }
}
