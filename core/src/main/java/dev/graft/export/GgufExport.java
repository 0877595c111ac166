package dev.graft.export;

import dev.graft.format.GgufType;
import dev.graft.format.GgufValue;
import dev.graft.format.GgufWriter;
import dev.graft.format.Safetensors.Entry;
import dev.graft.format.vocabulary.GgufTokenizer;
import dev.graft.format.vocabulary.TokenizerTexts;
import dev.graft.model.Architectures;
import dev.graft.model.ModelConfig;
import dev.graft.model.ModelSource;
import dev.graft.model.RotaryRows;
import dev.graft.model.gguf.GgufFamilies;
import dev.graft.model.gguf.GgufFamily;
import dev.graft.model.gguf.GgufNames.Place;
import dev.graft.tensor.DType;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.io.IOException;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;

/// Writes a model as a GGUF file that llama.cpp runs: weights, settings, tokenizer and chat template. One
/// tensor is made at a time, and of one that is only copied or rounded, some rows at a time.
///
/// Which tensors keep more bits than the rest is as in llama.cpp's converter: one-dimensional ones, a
/// router's and a table of positions stay float32; rows that are no multiple of 32 fall back to float16.
/// In a Q4_0 file the output (or the embedding that is also the output) is Q8_0; llama.cpp's own tool
/// makes it Q6_K, which Graft reads and does not write.
public final class GgufExport {
    private static final int QUANTIZATION_VERSION = 2;

    private final ModelSource source;
    private final ModelConfig config;
    private final GgufFamily family;
    private final Type type;
    private final boolean tied;

    /// Types a whole file can have.
    public enum Type {
        F32(GgufType.F32, 0),
        F16(GgufType.F16, 1),
        BF16(GgufType.BF16, 32),
        Q8_0(GgufType.Q8_0, 7),
        Q4_0(GgufType.Q4_0, 2);

        private final GgufType tensors;
        private final int fileType;

        /// @param fileType `general.file_type`
        Type(GgufType tensors, int fileType) {
            this.tensors = tensors;
            this.fileType = fileType;
        }
    }

    private GgufExport(ModelSource source, Type type) {
        this.source = source;
        this.config = source.config();
        this.family = GgufFamilies.of(config);
        this.type = type;
        this.tied = !Architectures.of(config).tensors(config).containsKey("lm_head.weight");
    }

    /// What was written.
    public record Report(int tensors, long elements) {}

    /// @param model  anything [ModelSource#open] opens
    /// @param output file to write; replaced when it exists
    public static Report run(Path model, Path output, Type type) {
        return run(model, output, type, Advance.UNWATCHED);
    }

    /// @param watcher told of each tensor
    public static Report run(Path model, Path output, Type type, Advance watcher) {
        try (ModelSource source = ModelSource.open(model)) {
            return new GgufExport(source, type).write(output, watcher);
        }
    }

    private Report write(Path output, Advance watcher) {
        Map<String, long[]> tensors = Architectures.of(config).tensors(config);
        Architectures.requireFit(source);
        Map<String, List<String>> members = new LinkedHashMap<>(); // experts share a tensor
        for (String name : tensors.keySet()) {
            members.computeIfAbsent(place(name).tensor(), tensor -> new ArrayList<>())
                    .add(name);
        }
        List<GgufWriter.Part> parts = new ArrayList<>();
        family.tensors(config)
                .forEach((name, values) -> parts.add(new GgufWriter.Part(
                        name,
                        GgufType.F32,
                        new long[] {values.length},
                        GgufValue.Numbers.of(values).data())));
        members.forEach((tensor, names) -> parts.add(part(tensor, names)));
        if (tied && family.isOutputWritten()) {
            parts.add(part("output.weight", members.get("token_embd.weight")));
        }
        GgufWriter.write(output, metadata(), watched(parts, watcher));
        long elements = tensors.keySet().stream()
                .mapToLong(name -> source.entry(name).elements())
                .sum();
        return new Report(parts.size(), elements);
    }

    private static List<GgufWriter.Part> watched(List<GgufWriter.Part> parts, Advance watcher) {
        var begun = new AtomicInteger();
        return parts.stream()
                .map(part -> new GgufWriter.Part(part.name(), part.type(), part.shape(), channel -> {
                    watcher.to(begun.incrementAndGet(), parts.size());
                    part.source().writeTo(channel);
                }))
                .toList();
    }

    private Place place(String name) {
        return family.names()
                .of(name)
                .orElseThrow(() -> new IllegalStateException("%s: GGUF files of %s have no place for %s"
                        .formatted(source.path(), family.architecture(), name)));
    }

    private Map<String, GgufValue> metadata() {
        Map<String, GgufValue> metadata = new LinkedHashMap<>();
        metadata.put("general.architecture", GgufValue.of(family.architecture()));
        metadata.put("general.type", GgufValue.of("model"));
        metadata.put("general.name", GgufValue.of(name()));
        metadata.put("general.file_type", GgufValue.of((long) type.fileType));
        metadata.put("general.quantization_version", GgufValue.of((long) QUANTIZATION_VERSION));
        metadata.putAll(family.metadata(config));
        metadata.putAll(GgufTokenizer.metadata(TokenizerTexts.of(source.path()), config.size("vocab_size")));
        return metadata;
    }

    private String name() {
        return source.path()
                .toAbsolutePath()
                .normalize()
                .getFileName()
                .toString()
                .replaceFirst("\\.(gguf|bin)$", "");
    }

    private GgufWriter.Part part(String tensor, List<String> names) {
        Entry first = source.entry(names.getFirst());
        long[] shape = shape(names);
        GgufType stored = typeOf(tensor, shape);
        if (place(names.getFirst()).expert().isPresent()) {
            long[] all = new long[shape.length + 1];
            all[0] = names.size();
            System.arraycopy(shape, 0, all, 1, shape.length);
            shape = all;
        }
        return new GgufWriter.Part(tensor, stored, shape, channel -> {
            for (String name : names) {
                write(name, stored, channel);
            }
        });
    }

    private long[] shape(List<String> names) {
        long[] shape = source.entry(names.getFirst()).shape();
        return switch (place(names.getFirst()).change()) {
            case TRANSPOSED -> new long[] {shape[1], shape[0]};
            default -> shape;
        };
    }

    private GgufType typeOf(String tensor, long[] shape) {
        boolean whole = shape.length == 1
                || !tensor.endsWith(".weight")
                || tensor.endsWith("_norm.weight")
                || tensor.endsWith("ffn_gate_inp.weight")
                || tensor.equals("position_embd.weight");
        if (whole) {
            return GgufType.F32;
        }
        GgufType wanted = type.tensors;
        if (type == Type.Q4_0 && isOutput(tensor)) {
            wanted = GgufType.Q8_0;
        }
        return shape[shape.length - 1] % wanted.blockElements() == 0 ? wanted : GgufType.F16;
    }

    private boolean isOutput(String tensor) {
        return tensor.equals("output.weight") || tied && tensor.equals("token_embd.weight");
    }

    private void write(String name, GgufType stored, WritableByteChannel channel) throws IOException {
        try (Scope scope = Scope.open()) {
            RowWriter.write(name, inPlace(name), stored, channel);
        }
    }

    /// The tensor as a GGUF file keeps it, in the type it is read in.
    private Tensor inPlace(String name) {
        Tensor tensor = source.stored(name);
        return switch (place(name).change()) {
            case SAME -> tensor;
            case QUERY_ROWS -> RotaryRows.toPairs(tensor, config.size("num_attention_heads"));
            case KEY_ROWS ->
                RotaryRows.toPairs(
                        tensor, config.optionalSize("num_key_value_heads").orElse(config.size("num_attention_heads")));
            case PLUS_ONE -> tensor.to(DType.F32).add(1);
            case TRANSPOSED -> tensor.t().contiguous();
        };
    }
}
