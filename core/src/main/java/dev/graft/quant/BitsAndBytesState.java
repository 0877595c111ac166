package dev.graft.quant;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.graft.tensor.DType;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.stream.Collectors;

/// What bitsandbytes says about a 4-bit weight beside its tensors: a line of JSON, stored as bytes.
///
/// @param offset of the scales, where they are packed too
record BitsAndBytesState(String type, int block, DType dtype, long[] shape, OptionalDouble offset) {
    private static final ObjectMapper JSON = new ObjectMapper();

    /// Reads the bytes.
    ///
    /// @throws IllegalArgumentException a clause, when they say something else than bitsandbytes does
    static BitsAndBytesState parse(byte[] bytes) {
        JsonNode json;
        try {
            json = JSON.readTree(new String(bytes, StandardCharsets.UTF_8));
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException("the state is not valid JSON (%s)".formatted(e.getOriginalMessage()), e);
        }
        if (json == null || !json.isObject()) {
            throw new IllegalArgumentException("the state is no JSON object");
        }
        String type = text(json, "quant_type");
        int block = json.path("blocksize").asInt();
        if (!json.path("blocksize").isInt() || !FourBit.BLOCKS.contains(block)) {
            throw new IllegalArgumentException(
                    "blocksize is %s; expected one of %s".formatted(json.path("blocksize"), FourBit.blocks()));
        }
        return new BitsAndBytesState(type, block, dtype(text(json, "dtype")), shape(json.path("shape")), offset(json));
    }

    private static String text(JsonNode json, String key) {
        if (!json.path(key).isTextual()) {
            throw new IllegalArgumentException("%s is %s; expected text".formatted(key, json.path(key)));
        }
        return json.get(key).asText();
    }

    private static DType dtype(String name) {
        return switch (name) {
            case "float32" -> DType.F32;
            case "bfloat16" -> DType.BF16;
            case "float16" -> DType.F16;
            default ->
                throw new IllegalArgumentException(
                        "dtype is \"%s\"; expected float32, bfloat16 or float16".formatted(name));
        };
    }

    private static long[] shape(JsonNode sizes) {
        long[] shape = new long[sizes.size()];
        for (int i = 0; i < shape.length; i++) {
            shape[i] = sizes.get(i).isIntegralNumber() ? sizes.get(i).asLong() : 0;
        }
        if (shape.length != 2 || shape[0] < 1 || shape[1] < 1 || Math.multiplyHigh(shape[0], shape[1]) != 0) {
            throw new IllegalArgumentException("shape is %s; expected two sizes of 1 and more".formatted(sizes));
        }
        return shape;
    }

    private static OptionalDouble offset(JsonNode json) {
        if (!json.has("nested_offset")) {
            return OptionalDouble.empty();
        }
        JsonNode offset = json.get("nested_offset");
        if (!offset.isNumber() || !Float.isFinite((float) offset.asDouble())) {
            throw new IllegalArgumentException("nested_offset is %s; expected a number".formatted(offset));
        }
        if (json.path("nested_blocksize").asInt() != BlockScales.NESTED_BLOCK) {
            throw new IllegalArgumentException("nested_blocksize is %s; expected %d"
                    .formatted(json.path("nested_blocksize"), BlockScales.NESTED_BLOCK));
        }
        if (!json.path("nested_dtype").asText().equals("float32")) {
            throw new IllegalArgumentException(
                    "nested_dtype is %s; expected \"float32\"".formatted(json.path("nested_dtype")));
        }
        return OptionalDouble.of(offset.asDouble());
    }

    /// The bytes as bitsandbytes writes them: Python's `json.dumps`.
    byte[] bytes() {
        String sizes = Arrays.stream(shape).mapToObj(Long::toString).collect(Collectors.joining(", ", "[", "]"));
        String json = "{\"quant_type\": \"%s\", \"blocksize\": %s, \"dtype\": \"%s\", \"shape\": %s"
                .formatted(type, block, name(dtype), sizes);
        if (offset.isPresent()) {
            json += ", \"nested_blocksize\": %s, \"nested_dtype\": \"float32\", \"nested_offset\": %s"
                    .formatted(BlockScales.NESTED_BLOCK, python(offset.getAsDouble()));
        }
        return (json + "}").getBytes(StandardCharsets.UTF_8);
    }

    private static String name(DType dtype) {
        return switch (dtype) {
            case BF16 -> "bfloat16";
            case F16 -> "float16";
            default -> "float32";
        };
    }

    /// A number as Python's `repr` writes it.
    static String python(double value) {
        if (value == 0) {
            return "0.0";
        }
        double size = Math.abs(value);
        if (size >= 1e-4 && size < 1e16) {
            String plain = new BigDecimal(Double.toString(value)).toPlainString();
            return plain.contains(".") ? plain : plain + ".0";
        }
        String[] parts = Double.toString(value).split("E");
        String digits = parts[0].replaceFirst("\\.0$", "");
        int exponent = Integer.parseInt(parts[1]);
        return digits + String.format(Locale.ROOT, "e%s%02d", exponent < 0 ? "-" : "+", Math.abs(exponent));
    }
}
