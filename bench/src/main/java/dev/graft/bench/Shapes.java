package dev.graft.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/// Models that benchmarks build with random weights.
enum Shapes {
    /// Qwen2.5-0.5B, without its biases.
    HALF(896, 4864, 24, 14, 2, 64, 151_936),
    /// Llama 3.2 1B.
    ONE(2048, 8192, 16, 32, 8, 64, 128_256);

    final int width;
    final int inner;
    final int layers;
    final int heads;
    final int keyHeads;
    final int headDim;
    final int vocab;

    Shapes(int width, int inner, int layers, int heads, int keyHeads, int headDim, int vocab) {
        this.width = width;
        this.inner = inner;
        this.layers = layers;
        this.heads = heads;
        this.keyHeads = keyHeads;
        this.headDim = headDim;
        this.vocab = vocab;
    }

    /// `0.5B` or `1B`.
    static Shapes named(String name) {
        return switch (name) {
            case "0.5B" -> HALF;
            case "1B" -> ONE;
            default -> throw new IllegalArgumentException("the shape is \"" + name + "\"; expected 0.5B or 1B");
        };
    }

    /// Weights of the linear layers in the blocks.
    long linear() {
        return (long) layers * ((long) width * (2L * heads + 2L * keyHeads) * headDim + 3L * width * inner);
    }

    /// Weights of the output embedding, which is the input embedding's table.
    long head() {
        return (long) width * vocab;
    }

    /// What `config.json` says of it.
    String config() {
        return String.format(Locale.ROOT, """
                {"model_type": "llama", "hidden_size": %d, "intermediate_size": %d, "num_hidden_layers": %d,
                 "num_attention_heads": %d, "num_key_value_heads": %d, "head_dim": %d, "vocab_size": %d,
                 "tie_word_embeddings": true, "max_position_embeddings": 32768, "rms_norm_eps": 1e-6,
                 "dtype": "bfloat16"}
                """, width, inner, layers, heads, keyHeads, headDim, vocab);
    }

    /// Shapes of the tensors in its files.
    Map<String, long[]> tensors() {
        Map<String, long[]> tensors = new LinkedHashMap<>();
        tensors.put("model.embed_tokens.weight", new long[] {vocab, width});
        for (int i = 0; i < layers; i++) {
            String layer = "model.layers." + i + ".";
            tensors.put(layer + "input_layernorm.weight", new long[] {width});
            tensors.put(layer + "self_attn.q_proj.weight", new long[] {(long) heads * headDim, width});
            tensors.put(layer + "self_attn.k_proj.weight", new long[] {(long) keyHeads * headDim, width});
            tensors.put(layer + "self_attn.v_proj.weight", new long[] {(long) keyHeads * headDim, width});
            tensors.put(layer + "self_attn.o_proj.weight", new long[] {width, (long) heads * headDim});
            tensors.put(layer + "post_attention_layernorm.weight", new long[] {width});
            tensors.put(layer + "mlp.gate_proj.weight", new long[] {inner, width});
            tensors.put(layer + "mlp.up_proj.weight", new long[] {inner, width});
            tensors.put(layer + "mlp.down_proj.weight", new long[] {width, inner});
        }
        tensors.put("model.norm.weight", new long[] {width});
        return tensors;
    }

    /// A folder with the configuration alone.
    Path directory() throws IOException {
        Path directory = Files.createTempDirectory("graft-bench");
        Files.writeString(directory.resolve("config.json"), config());
        return directory;
    }

    /// The shape of a folder that [RandomModel] wrote.
    static Shapes of(Path directory) throws IOException {
        String found = Files.readString(directory.resolve("config.json"));
        return Arrays.stream(values())
                .filter(shape -> shape.config().equals(found))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException(
                        directory + " has another config.json than RandomModel writes; make it with RandomModel"));
    }
}
