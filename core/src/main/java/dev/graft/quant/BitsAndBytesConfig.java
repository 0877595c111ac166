package dev.graft.quant;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/// `quantization_config` of a model's `config.json`, as Transformers' class of this name has it.
///
/// @param skipped `llm_int8_skip_modules`: modules left as they are, by the beginning or end of their
///                name, or a regular expression for the beginning. Without a list that is the output
///                embedding; with one, it is what the list says.
public record BitsAndBytesConfig(QuantFormat format, Optional<List<String>> skipped) implements QuantizationConfig {
    private static final ObjectMapper JSON = new ObjectMapper();
    /// The output embedding, which is left as it is unless a list says otherwise.
    public static final String HEAD = "lm_head";

    public BitsAndBytesConfig {
        skipped = skipped.map(List::copyOf);
        boolean fits = format instanceof Nf4 || format instanceof Fp4 || format instanceof Int8Rows;
        if (!fits) {
            throw new IllegalArgumentException(
                    "%s has no place in a model that Transformers reads; expected nf4, fp4 or int8".formatted(format));
        }
    }

    /// Transformers' `should_convert_module`: a pattern holds up to a boundary of the name.
    ///
    /// @throws IllegalArgumentException when the name does not end in the key, which is no pattern either
    public static boolean matches(String key, String module) {
        try {
            return module.endsWith(key)
                    || Pattern.compile("(?:" + key + ")(?:(?<=\\.)|(?=\\.|$))")
                            .matcher(module)
                            .lookingAt();
        } catch (PatternSyntaxException e) {
            throw new IllegalArgumentException(
                    "llm_int8_skip_modules holds \"%s\", which is neither the end of a name (%s) nor a regular expression (%s); write names such as lm_head"
                            .formatted(key, module, e.getDescription()),
                    e);
        }
    }

    /// The object as Transformers writes it.
    @Override
    public ObjectNode json() {
        boolean rows = format instanceof Int8Rows;
        boolean nested = format instanceof Nf4(int _, boolean packed) && packed
                || format instanceof Fp4(int _, boolean also) && also;
        ObjectNode json = JSON.createObjectNode();
        json.put("_load_in_4bit", !rows);
        json.put("_load_in_8bit", rows);
        json.put("bnb_4bit_compute_dtype", "float32");
        json.put("bnb_4bit_quant_storage", "uint8");
        json.put("bnb_4bit_quant_type", rows ? Fp4.NAME : format.name());
        json.put("bnb_4bit_use_double_quant", nested);
        json.put("llm_int8_enable_fp32_cpu_offload", false);
        json.put("llm_int8_has_fp16_weight", false);
        if (skipped.isPresent()) {
            ArrayNode names = json.putArray("llm_int8_skip_modules");
            skipped.get().forEach(names::add);
        } else {
            json.putNull("llm_int8_skip_modules");
        }
        json.put(
                "llm_int8_threshold",
                format instanceof Int8Rows(double threshold) ? threshold : Int8Rows.DEFAULT_THRESHOLD);
        json.put("load_in_4bit", !rows);
        json.put("load_in_8bit", rows);
        json.put("quant_method", "bitsandbytes");
        return json;
    }
}
