package dev.graft.quant;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// `quantization_config` of models in Graft's own layout, [GraftLayout], with `quant_method` `graft`.
/// Transformers refuses such a model, as it knows no such method.
///
/// @param format int8-affine or int4
public record GraftConfig(QuantFormat format, Optional<List<String>> skipped) implements QuantizationConfig {
    /// `quant_method` of such models.
    public static final String METHOD = "graft";
    private static final ObjectMapper JSON = new ObjectMapper();

    public GraftConfig {
        skipped = skipped.map(List::copyOf);
        if (!GraftLayout.has(format)) {
            throw new IllegalArgumentException(
                    "%s has no layout of Graft's; expected %s or %s".formatted(format, AffineInt8.NAME, Int4.NAME));
        }
    }

    @Override
    public ObjectNode json() {
        ObjectNode json = JSON.createObjectNode();
        json.put("quant_method", METHOD);
        json.put("format", format.name());
        switch (format) {
            case Int4 int4 -> json.put("block_size", int4.block());
            case AffineInt8 affine -> {
                json.put("per_channel", affine.perRow());
                json.put("symmetric", affine.symmetric());
                json.put("calibration", affine.calibration().name());
                if (affine.calibration() instanceof Calibration.Percentile(double share)) {
                    json.put("percentile", share);
                }
            }
            default -> throw new IllegalStateException(format + " is not stored in this layout");
        }
        skipped.ifPresent(names -> {
            ArrayNode array = json.putArray("skip_modules");
            names.forEach(array::add);
        });
        return json;
    }

    /// Reads the object.
    ///
    /// @throws IllegalArgumentException a clause, when it says something that Graft does not write
    public static GraftConfig read(JsonNode json) {
        String name = json.path("format").asText();
        QuantFormat format = switch (name) {
            case Int4.NAME -> new Int4(json.path("block_size").asInt());
            case AffineInt8.NAME ->
                new AffineInt8(
                        flag(json, "per_channel"),
                        flag(json, "symmetric"),
                        Calibration.named(json.path("calibration").asText(), share(json)));
            default ->
                throw new IllegalArgumentException(
                        "format is \"%s\"; expected %s or %s".formatted(name, AffineInt8.NAME, Int4.NAME));
        };
        return new GraftConfig(format, skipped(json.path("skip_modules")));
    }

    private static double share(JsonNode json) {
        if (json.has("percentile") && !json.get("percentile").isNumber()) {
            throw new IllegalArgumentException("percentile is %s; expected a number".formatted(json.get("percentile")));
        }
        return json.path("percentile").asDouble(Calibration.Percentile.USUAL);
    }

    private static boolean flag(JsonNode json, String key) {
        if (!json.path(key).isBoolean()) {
            throw new IllegalArgumentException("%s is %s; expected true or false".formatted(key, json.path(key)));
        }
        return json.get(key).asBoolean();
    }

    private static Optional<List<String>> skipped(JsonNode names) {
        if (names.isMissingNode() || names.isNull()) {
            return Optional.empty();
        }
        List<String> all = new ArrayList<>();
        names.forEach(one -> all.add(one.asText()));
        if (!names.isArray() || !names.valueStream().allMatch(JsonNode::isTextual)) {
            throw new IllegalArgumentException("skip_modules is %s; expected a list of names".formatted(names));
        }
        return Optional.of(all);
    }
}
