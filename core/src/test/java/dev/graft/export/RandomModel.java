package dev.graft.export;

import dev.graft.autograd.Parameter;
import dev.graft.format.AtomicFiles;
import dev.graft.format.Json;
import dev.graft.format.SafetensorsWriter;
import dev.graft.model.Architectures;
import dev.graft.model.LanguageModel;
import dev.graft.nn.LinearFactory;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/// A model folder of any family with random weights, gains and biases included, and a byte-level
/// tokenizer whose tokens are the letters.
final class RandomModel {
    static final int VOCABULARY = 29;

    private RandomModel() {}

    /// @param settings of `config.json`; sizes that all share are added
    static Path in(Path folder, Map<String, Object> settings) {
        Map<String, Object> config = new LinkedHashMap<>(Map.of(
                "hidden_size", 32,
                "intermediate_size", 64,
                "num_hidden_layers", 2,
                "num_attention_heads", 4,
                "num_key_value_heads", 2,
                "max_position_embeddings", 64,
                "rms_norm_eps", 1e-5,
                "vocab_size", VOCABULARY,
                "initializer_range", 0.3,
                "torch_dtype", "float32"));
        config.putAll(settings);
        AtomicFiles.writeString(folder.resolve("config.json"), Json.pretty(config));
        AtomicFiles.writeString(folder.resolve("tokenizer.json"), Json.pretty(tokenizer()));
        AtomicFiles.writeString(
                folder.resolve("tokenizer_config.json"), "{\"bos_token\": \"<s>\", \"eos_token\": \"<s>\"}");
        try (LanguageModel model = Architectures.random(folder, LinearFactory.trainable(), Device.cpu(), DType.F32, 5);
                Scope scope = Scope.open()) {
            List<SafetensorsWriter.Part> parts = new ArrayList<>();
            SplittableRandom random = new SplittableRandom(3);
            for (Parameter p : model.parameters()) {
                Tensor values = p.master();
                if (values.dims() == 1) {
                    float[] moved = values.toFloats();
                    for (int i = 0; i < moved.length; i++) {
                        moved[i] += (float) (0.2 * random.nextGaussian());
                    }
                    values = Tensor.of(moved);
                }
                parts.add(new SafetensorsWriter.Part(p.name(), DType.F32, values.shape(), values.memory()));
            }
            SafetensorsWriter.write(folder.resolve("model.safetensors"), parts);
        }
        return folder;
    }

    private static Map<String, Object> tokenizer() {
        Map<String, Object> vocabulary = new LinkedHashMap<>();
        vocabulary.put("<s>", 0);
        vocabulary.put("Ċ", 1);
        vocabulary.put("Ġ", 2);
        for (char c = 'a'; c <= 'z'; c++) {
            vocabulary.put(String.valueOf(c), vocabulary.size());
        }
        Map<String, Object> byteLevel =
                Map.of("type", "ByteLevel", "add_prefix_space", false, "trim_offsets", true, "use_regex", true);
        Map<String, Object> special = new LinkedHashMap<>(Map.of("id", 0, "content", "<s>", "special", true));
        for (String flag : List.of("single_word", "lstrip", "rstrip", "normalized")) {
            special.put(flag, false);
        }
        return Map.of(
                "version",
                "1.0",
                "added_tokens",
                List.of(special),
                "pre_tokenizer",
                byteLevel,
                "decoder",
                byteLevel,
                "model",
                Map.of("type", "BPE", "vocab", vocabulary, "merges", List.of()));
    }
}
