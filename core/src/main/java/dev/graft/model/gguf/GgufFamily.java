package dev.graft.model.gguf;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.graft.format.Gguf;
import dev.graft.format.GgufValue;
import dev.graft.model.ModelConfig;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// A family of models as llama.cpp knows it: pairs of settings that mean the same on both sides, what goes
/// without saying on one of them, and the names of tensors.
public final class GgufFamily {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final String architecture;
    private final String modelType;
    private final String hubClass;
    private final GgufNames names;
    private final List<Setting> settings = new ArrayList<>();
    private final Map<String, Object> fixed = new LinkedHashMap<>();
    private final Map<String, String> flags = new LinkedHashMap<>();
    private final Map<String, Object> assumed = new LinkedHashMap<>();
    private final List<Special> specials = new ArrayList<>();
    private boolean rotary = true;
    private boolean outputWritten;

    /// @param architecture `general.architecture`, and the first word of its settings
    /// @param modelType    Hugging Face's `model_type`
    /// @param hubClass     for `architectures` in `config.json`
    GgufFamily(String architecture, String modelType, String hubClass, GgufNames names) {
        this.architecture = architecture;
        this.modelType = modelType;
        this.hubClass = hubClass;
        this.names = names;
    }

    /// What is more than a pair of names.
    interface Special {
        /// Adds to a `config.json` what a file says.
        void read(Gguf gguf, Map<String, Object> config);

        /// Adds to a file's metadata what a `config.json` says, or refuses what llama.cpp cannot do.
        void write(ModelConfig config, Map<String, GgufValue> metadata);
    }

    GgufFamily with(List<Setting> more) {
        settings.addAll(more);
        return this;
    }

    GgufFamily with(Special special) {
        specials.add(special);
        return this;
    }

    /// A setting of `config.json` that llama.cpp takes for granted; a model with another is refused.
    GgufFamily fixed(String hub, Object value) {
        fixed.put(hub, value);
        return this;
    }

    /// What Transformers assumes where a `config.json` of this family is silent.
    GgufFamily assumed(String hub, Object value) {
        assumed.put(hub, value);
        return this;
    }

    /// Positions are learnt.
    GgufFamily withoutRotation() {
        rotary = false;
        return this;
    }

    /// llama.cpp wants the output's tensor where it is the embedding, too.
    GgufFamily withOutputWritten() {
        outputWritten = true;
        return this;
    }

    public boolean isOutputWritten() {
        return outputWritten;
    }

    /// A setting of `config.json` that is true where the file has a tensor.
    GgufFamily flag(String hub, String tensor) {
        flags.put(hub, tensor);
        return this;
    }

    /// `general.architecture` of its files.
    public String architecture() {
        return architecture;
    }

    /// `model_type` of its configurations.
    public String modelType() {
        return modelType;
    }

    /// Names of tensors on both sides.
    public GgufNames names() {
        return names;
    }

    /// One setting under its two names.
    record Setting(String ggml, String hub, Kind kind) {
        enum Kind {
            WHOLE,
            REAL,
            /// Left out where it is not set.
            OPTIONAL_WHOLE;

            boolean isOptional() {
                return this == OPTIONAL_WHOLE;
            }

            boolean isReal() {
                return this == REAL;
            }
        }

        static Setting whole(String ggml, String hub) {
            return new Setting(ggml, hub, Kind.WHOLE);
        }

        static Setting real(String ggml, String hub) {
            return new Setting(ggml, hub, Kind.REAL);
        }

        static Setting optionalWhole(String ggml, String hub) {
            return new Setting(ggml, hub, Kind.OPTIONAL_WHOLE);
        }
    }

    /// The `config.json` of a file of this family.
    ModelConfig config(Gguf gguf) {
        Map<String, Object> config = new LinkedHashMap<>();
        config.put("architectures", List.of(hubClass));
        config.put("model_type", modelType);
        for (Setting setting : settings) {
            value(gguf, setting).ifPresent(value -> config.put(setting.hub, value));
        }
        config.putAll(fixed);
        flags.forEach((key, tensor) -> config.put(key, gguf.entries().containsKey(tensor)));
        config.put("vocab_size", gguf.entry("token_embd.weight").shape()[0]);
        config.put("tie_word_embeddings", !gguf.entries().containsKey("output.weight"));
        if (rotary) {
            GgufRope.read(gguf, architecture, config);
        }
        specials.forEach(special -> special.read(gguf, config));
        for (String token : List.of("bos", "eos")) {
            gguf.whole("tokenizer.ggml.%s_token_id".formatted(token))
                    .filter(id -> id < Integer.MAX_VALUE)
                    .ifPresent(id -> config.put(token + "_token_id", id));
        }
        config.put("torch_dtype", storedType(gguf));
        return ModelConfig.of(gguf.file(), config);
    }

    private Optional<Object> value(Gguf gguf, Setting setting) {
        String key = architecture + "." + setting.ggml;
        Optional<Object> value = setting.kind.isReal() ? gguf.number(key).map(GgufFamily::shortest) : whole(gguf, key);
        if (value.isEmpty() && !setting.kind.isOptional()) {
            throw gguf.refusal("it has no " + key, "a number for %s".formatted(setting.hub));
        }
        return value;
    }

    /// The double that is written as the float32 was: 1e-5, not 9.999999747378752e-06.
    static Double shortest(double stored) {
        return Double.valueOf(Float.toString((float) stored));
    }

    /// A number, or a list with the same one for each layer.
    private static Optional<Object> whole(Gguf gguf, String key) {
        if (gguf.metadata().get(key) instanceof GgufValue.Numbers numbers && numbers.size() > 0) {
            long first = numbers.whole(0);
            for (int i = 1; i < numbers.size(); i++) {
                if (numbers.whole(i) != first) {
                    throw gguf.refusal(key + " differs between layers", "the same for all");
                }
            }
            return Optional.of(first);
        }
        return gguf.whole(key).map(value -> value);
    }

    /// The type most weights are in, as `torch_dtype`; float16 for those that have to be decoded.
    private static String storedType(Gguf gguf) {
        return gguf.entries().values().stream()
                .max((a, b) -> Long.compare(a.elements(), b.elements()))
                .map(entry -> switch (entry.dtypeName()) {
                    case "F32" -> "float32";
                    case "BF16" -> "bfloat16";
                    default -> "float16";
                })
                .orElse("float32");
    }

    /// The settings of a model of this family, as llama.cpp's converter writes them.
    public Map<String, GgufValue> metadata(ModelConfig own) {
        ModelConfig config = completed(own);
        requireFixed(config);
        Map<String, GgufValue> metadata = new LinkedHashMap<>();
        for (Setting setting : settings) {
            String key = architecture + "." + setting.ggml;
            JsonNode value = config.json().path(setting.hub);
            if (value.isNumber()) {
                metadata.put(
                        key, setting.kind.isReal() ? GgufValue.of(value.asDouble()) : GgufValue.of(value.asLong()));
            } else if (!setting.kind.isOptional()) {
                metadata.put(key, derived(config, setting));
            }
        }
        metadata.put(architecture + ".vocab_size", GgufValue.of((long) config.size("vocab_size")));
        if (rotary) {
            GgufRope.write(config, architecture, metadata);
        }
        specials.forEach(special -> special.write(config, metadata));
        return metadata;
    }

    private ModelConfig completed(ModelConfig config) {
        ModelConfig completed = config;
        for (Map.Entry<String, Object> each : assumed.entrySet()) {
            completed = completed.withDefault(each.getKey(), each.getValue());
        }
        return completed;
    }

    /// Tensors that say in a file what `config.json` says in numbers.
    public Map<String, float[]> tensors(ModelConfig config) {
        return rotary ? GgufRope.tensors(completed(config)) : Map.of();
    }

    /// What Transformers assumes where `config.json` is silent, in any family.
    private static GgufValue derived(ModelConfig config, Setting setting) {
        return switch (setting.hub) {
            case "num_key_value_heads" -> GgufValue.of((long) config.size("num_attention_heads"));
            case "n_inner" -> GgufValue.of(4L * config.size("n_embd"));
            case "head_dim" -> GgufValue.of((long) headDim(config));
            case "max_position_embeddings" -> GgufValue.of(2048L);
            case "rms_norm_eps" -> GgufValue.of(1e-6);
            default -> throw config.wrong(setting.hub, "it is missing", "a number");
        };
    }

    static int headDim(ModelConfig config) {
        return config.optionalSize("head_dim")
                .orElseGet(() -> config.size("hidden_size") / config.size("num_attention_heads"));
    }

    private void requireFixed(ModelConfig config) {
        fixed.forEach((key, value) -> {
            JsonNode found = config.json().path(key);
            if (!found.isMissingNode()
                    && !found.isNull()
                    && !JSON.valueToTree(value).equals(found)) {
                throw config.wrong(
                        key, "it is " + found, value + ", which is all that GGUF files of " + modelType + " can say");
            }
        });
    }
}
