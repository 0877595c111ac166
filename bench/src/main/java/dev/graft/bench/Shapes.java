package dev.graft.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

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

    /// A folder with the configuration.
    Path directory() throws IOException {
        Path directory = Files.createTempDirectory("graft-bench");
        Files.writeString(
                directory.resolve("config.json"),
                String.format(Locale.ROOT, """
                {"model_type": "llama", "hidden_size": %d, "intermediate_size": %d, "num_hidden_layers": %d,
                 "num_attention_heads": %d, "num_key_value_heads": %d, "head_dim": %d, "vocab_size": %d,
                 "tie_word_embeddings": true, "max_position_embeddings": 32768, "rms_norm_eps": 1e-6}
                """, width, inner, layers, heads, keyHeads, headDim, vocab));
        return directory;
    }
}
