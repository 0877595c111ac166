package dev.graft.model;

import dev.graft.format.Llama2c;
import dev.graft.format.Safetensors.Entry;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// A llama2.c checkpoint as a Llama model.
final class Llama2cModel implements ModelSource {
    private static final Map<String, String> PER_LAYER = Map.of(
            "attention_norm", "input_layernorm",
            "wq", "self_attn.q_proj",
            "wk", "self_attn.k_proj",
            "wv", "self_attn.v_proj",
            "wo", "self_attn.o_proj",
            "ffn_norm", "post_attention_layernorm",
            "w1", "mlp.gate_proj",
            "w2", "mlp.down_proj",
            "w3", "mlp.up_proj");
    private static final Map<String, String> OTHERS =
            Map.of("tok_embeddings", "model.embed_tokens", "norm", "model.norm", "output", "lm_head");

    private final Llama2c file;
    /// Names in the file by Hugging Face's.
    private final Map<String, String> origins = new LinkedHashMap<>();

    Llama2cModel(Llama2c file) {
        this.file = file;
        file.parts().keySet().forEach(part -> origins.put(hubName(part), part));
    }

    private static String hubName(String part) {
        String[] name = part.split("\\.");
        String hub =
                name.length == 1 ? OTHERS.get(part) : "model.layers.%s.%s".formatted(name[1], PER_LAYER.get(name[0]));
        return hub + ".weight";
    }

    @Override
    public Path path() {
        return file.file();
    }

    /// What the header says; the rest is fixed in llama2.c's code.
    @Override
    public ModelConfig config() {
        Map<String, Object> config = new LinkedHashMap<>();
        config.put("architectures", new String[] {"LlamaForCausalLM"});
        config.put("model_type", "llama");
        config.put("hidden_size", file.width());
        config.put("intermediate_size", file.inner());
        config.put("num_hidden_layers", file.layers());
        config.put("num_attention_heads", file.heads());
        config.put("num_key_value_heads", file.keyHeads());
        config.put("head_dim", file.headDim());
        config.put("vocab_size", file.vocabulary());
        config.put("max_position_embeddings", file.positions());
        config.put("rms_norm_eps", 1e-5);
        config.put("rope_theta", 10_000.0);
        config.put("hidden_act", "silu");
        config.put("attention_bias", false);
        config.put("mlp_bias", false);
        config.put("tie_word_embeddings", file.sharedClassifier());
        config.put("bos_token_id", 1);
        config.put("eos_token_id", 2);
        config.put("torch_dtype", "float32");
        return ModelConfig.of(file.file(), config);
    }

    @Override
    public Set<String> names() {
        return Collections.unmodifiableSet(origins.keySet());
    }

    @Override
    public Entry entry(String name) {
        Llama2c.Part part = file.parts().get(origin(name));
        boolean packed = file.isPacked(origin(name));
        long bytes = (packed ? 1 : 4) * part.elements();
        return new Entry(
                name,
                packed ? "Q80" : "F32",
                Optional.of(DType.F32),
                part.shape(),
                part.values(),
                part.values() + bytes);
    }

    private String origin(String name) {
        return Optional.ofNullable(origins.get(name))
                .orElseThrow(() -> new IllegalArgumentException("%s has no tensor %s".formatted(file.file(), name)));
    }

    @Override
    public Tensor stored(String name) {
        String part = origin(name);
        Tensor values = file.isPacked(part) ? decoded(part) : inPlace(part);
        return switch (part.replaceFirst("\\..*", "")) {
            case "wq" -> RotaryRows.toHalves(values, file.heads());
            case "wk" -> RotaryRows.toHalves(values, file.keyHeads());
            default -> values;
        };
    }

    private Tensor inPlace(String part) {
        return Tensor.over(file.data(part), DType.F32, file.parts().get(part).shape());
    }

    private Tensor decoded(String part) {
        long[] shape = file.parts().get(part).shape();
        Tensor values = Tensor.empty(DType.F32, Device.cpu(), shape);
        MemorySegment memory = values.memory();
        float[] row = new float[(int) shape[1]];
        for (long i = 0; i < shape[0]; i++) {
            file.decode(part, i * row.length, row, row.length);
            MemorySegment.copy(row, 0, memory, ValueLayout.JAVA_FLOAT, 4 * i * row.length, row.length);
        }
        return values;
    }

    @Override
    public void close() {
        file.close();
    }
}
