package dev.graft.model.gguf;

import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.format.Gguf;
import dev.graft.format.GgufValue;
import dev.graft.model.ModelConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;

/// What families say, or take for granted, in other ways than one setting for another.
final class GgufSpecials {
    private GgufSpecials() {}

    /// A model whose window is shorter than its context: llama.cpp would attend further than it was
    /// trained to.
    ///
    /// @param assumed the window where `config.json` says nothing of it; null there means none
    record WholeAttention(OptionalInt assumed) implements GgufFamily.Special {
        @Override
        public void read(Gguf gguf, Map<String, Object> config) {}

        @Override
        public void write(ModelConfig config, Map<String, GgufValue> metadata) {
            int context = config.optionalSize("max_position_embeddings").orElse(2048);
            boolean said = config.json().has("sliding_window");
            int window = (said ? config.optionalSize("sliding_window") : assumed).orElse(context);
            if (window < context) { // up to the window the two compute the same
                metadata.put("llama.context_length", GgufValue.of((long) window));
            }
        }
    }

    /// A window for all layers; 0 for none, which llama.cpp wants said.
    record Window(String ggml) implements GgufFamily.Special {
        @Override
        public void read(Gguf gguf, Map<String, Object> config) {
            gguf.whole(ggml).filter(window -> window > 0).ifPresent(window -> config.put("sliding_window", window));
        }

        @Override
        public void write(ModelConfig config, Map<String, GgufValue> metadata) {
            metadata.put(ggml, GgufValue.of((long)
                    config.optionalSize("sliding_window").orElse(0)));
        }
    }

    /// Gemma divides scores by the square root of `query_pre_attn_scalar`; llama.cpp knows the model
    /// that is different by its layers.
    record GemmaScale(int layersOfTheLargest) implements GgufFamily.Special {
        @Override
        public void read(Gguf gguf, Map<String, Object> config) {
            config.put("query_pre_attn_scalar", scalar(ModelConfig.of(gguf.file(), config)));
        }

        @Override
        public void write(ModelConfig config, Map<String, GgufValue> metadata) {
            int own = config.optionalSize("query_pre_attn_scalar").orElse(256);
            if (own != scalar(config)) {
                throw config.wrong("query_pre_attn_scalar", "it is " + own, scalar(config) + " in a GGUF file");
            }
        }

        private int scalar(ModelConfig config) {
            return config.size("num_hidden_layers") == layersOfTheLargest
                    ? config.size("hidden_size") / config.size("num_attention_heads")
                    : GgufFamily.headDim(config);
        }
    }

    /// Gemma 3's local layers: five of six, turned by a base of their own. Files say so since 2025;
    /// before, and in llama.cpp itself, it goes without saying.
    record GemmaLayers() implements GgufFamily.Special {
        private static final int PERIOD = 6;
        private static final double LOCAL_BASE = 10_000;
        private static final String PATTERN = "gemma3.attention.sliding_window_pattern";

        @Override
        public void read(Gguf gguf, Map<String, Object> config) {
            config.put(
                    "rope_local_base_freq",
                    gguf.number("gemma3.rope.freq_base_swa")
                            .map(GgufFamily::shortest)
                            .orElse(LOCAL_BASE));
            if (gguf.metadata().get(PATTERN) instanceof GgufValue.Numbers flags) {
                List<String> types = new ArrayList<>();
                for (int i = 0; i < flags.size(); i++) {
                    types.add(type(flags.whole(i) != 0));
                }
                config.put("layer_types", types);
            } else {
                config.put("sliding_window_pattern", gguf.whole(PATTERN).orElse((long) PERIOD));
            }
        }

        @Override
        public void write(ModelConfig config, Map<String, GgufValue> metadata) {
            requireLayers(config);
            JsonNode own = config.json().path("rope_parameters").path("sliding_attention");
            double base = own.path("rope_theta")
                    .asDouble(config.json().path("rope_local_base_freq").asDouble(LOCAL_BASE));
            if (base != LOCAL_BASE) {
                throw config.wrong("rope_local_base_freq", "it is " + base, LOCAL_BASE + " in a GGUF file");
            }
            if (!own.path("rope_type").asText("default").equals("default")) {
                throw config.wrong("rope_parameters.sliding_attention", "it is " + own, "no scaling in a GGUF file");
            }
        }

        private static void requireLayers(ModelConfig config) {
            int layers = config.size("num_hidden_layers");
            int period = config.optionalSize("sliding_window_pattern").orElse(PERIOD);
            JsonNode types = config.json().path("layer_types");
            for (int i = 0; i < layers; i++) {
                String expected = type((i + 1) % PERIOD != 0);
                String found = types.isArray() ? types.path(i).asText() : type((i + 1) % period != 0);
                if (!found.equals(expected)) {
                    throw config.wrong(
                            types.isArray() ? "layer_types" : "sliding_window_pattern",
                            "layer %d is %s".formatted(i, found),
                            "every sixth layer full_attention and no other, which is all that llama.cpp does");
                }
            }
        }

        private static String type(boolean sliding) {
            return sliding ? "sliding_attention" : "full_attention";
        }
    }

    /// Settings that a model must not have.
    record Without(String... keys) implements GgufFamily.Special {
        @Override
        public void read(Gguf gguf, Map<String, Object> config) {
            for (String key : keys) {
                config.put(key, null);
            }
        }

        @Override
        public void write(ModelConfig config, Map<String, GgufValue> metadata) {
            for (String key : keys) {
                if (config.has(key)) {
                    throw config.wrong(key, "it is " + config.json().get(key), "null in a GGUF file");
                }
            }
        }
    }

    /// A setting whose default is not what llama.cpp does, so that silence will not do.
    record Said(String key, boolean value) implements GgufFamily.Special {
        @Override
        public void read(Gguf gguf, Map<String, Object> config) {
            config.put(key, value);
        }

        @Override
        public void write(ModelConfig config, Map<String, GgufValue> metadata) {
            if (config.flag(key, !value) != value) {
                throw config.wrong(key, "it is " + !value, value + ", which is all that llama.cpp does");
            }
        }
    }

    /// How many experts there are. Hugging Face has two names for it, and reads either.
    record Experts(String ggml, String hub) implements GgufFamily.Special {
        @Override
        public void read(Gguf gguf, Map<String, Object> config) {
            config.put(hub, gguf.whole(ggml).orElseThrow(() -> gguf.refusal("it has no " + ggml, "a number")));
        }

        @Override
        public void write(ModelConfig config, Map<String, GgufValue> metadata) {
            metadata.put(ggml, GgufValue.of((long)
                    config.size(config.has("num_experts") ? "num_experts" : "num_local_experts")));
        }
    }

    /// GPT-2's activation, by any of the names of the same function.
    record TanhGelu() implements GgufFamily.Special {
        private static final List<String> NAMES = List.of("gelu_new", "gelu_fast", "gelu_pytorch_tanh");

        @Override
        public void read(Gguf gguf, Map<String, Object> config) {
            config.put("activation_function", NAMES.getFirst());
        }

        @Override
        public void write(ModelConfig config, Map<String, GgufValue> metadata) {
            String name = config.text("activation_function").orElse(NAMES.getFirst());
            if (!NAMES.contains(name)) {
                throw config.wrong(
                        "activation_function",
                        "it is \"%s\"".formatted(name),
                        "gelu_new (or gelu_fast, gelu_pytorch_tanh), which is all that llama.cpp does");
            }
        }
    }

    /// GPT-2's output, of which converters write the embedding once more.
    record TiedCopy() implements GgufFamily.Special {
        private static final String EMBEDDING = "token_embd.weight";
        private static final String OUTPUT = "output.weight";

        @Override
        public void read(Gguf gguf, Map<String, Object> config) {
            boolean copied = gguf.entries().containsKey(OUTPUT)
                    && gguf.type(OUTPUT) == gguf.type(EMBEDDING)
                    && gguf.data(OUTPUT).mismatch(gguf.data(EMBEDDING)) < 0;
            if (copied) {
                config.put("tie_word_embeddings", true);
            }
        }

        @Override
        public void write(ModelConfig config, Map<String, GgufValue> metadata) {}
    }
}
