package dev.graft.model.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.graft.format.FormatException;
import dev.graft.format.GgufValue;
import dev.graft.model.ModelConfig;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GgufFamilyTest {
    /// What Transformers 5.23 assumes of each family; a file that says otherwise is another model.
    @ParameterizedTest
    @CsvSource({
        "llama,     llama.context_length,         2048",
        "mistral,   llama.context_length,         4096", // its window; 131,072 positions
        "mixtral,   llama.context_length,         131072",
        "mixtral,   llama.rope.freq_base,         1000000.0",
        "mixtral,   llama.expert_used_count,      2",
        "qwen2,     qwen2.context_length,         32768",
        "qwen2,     qwen2.rope.freq_base,         10000.0",
        "qwen3,     qwen3.context_length,         32768",
        "qwen3,     qwen3.rope.dimension_count,   128",
        "qwen3,     qwen3.attention.key_length,   128",
        "gemma2,    gemma2.attention.key_length,  256",
        "gemma2,    gemma2.context_length,        8192"
    })
    void settingsThatConfigJsonLeavesOutAreWhatTransformersAssumes(String modelType, String key, String value) {
        Map<String, GgufValue> metadata = metadata(modelType, Map.of());
        assertThat(String.valueOf(metadata.get(key).plain())).isEqualTo(value);
    }

    @Test
    void aWindowThatIsNullIsNone() {
        Map<String, Object> none = new LinkedHashMap<>();
        none.put("sliding_window", null);
        assertThat(metadata("mistral", none).get("llama.context_length").plain())
                .isEqualTo(131_072L);
    }

    @Test
    void aScalingWithoutItsFactorIsRefused() {
        assertThatExceptionOfType(FormatException.class)
                .isThrownBy(() -> metadata(
                        "llama",
                        Map.of("rope_scaling", Map.of("rope_type", "yarn", "original_max_position_embeddings", 1024))))
                .withMessageContainingAll("rope_scaling.factor", "missing");
    }

    private static Map<String, GgufValue> metadata(String modelType, Map<String, Object> more) {
        Map<String, Object> config = new LinkedHashMap<>(Map.of(
                "model_type", modelType,
                "hidden_size", 48,
                "intermediate_size", 64,
                "num_hidden_layers", 2,
                "num_attention_heads", 4,
                "num_local_experts", 8,
                "vocab_size", 97));
        if (modelType.equals("gemma2")) {
            config.put("attn_logit_softcapping", 50.0);
            config.put("final_logit_softcapping", 30.0);
        }
        config.putAll(more);
        ModelConfig read = ModelConfig.of(Path.of("config.json"), config);
        return GgufFamilies.of(read).metadata(read);
    }
}
