package dev.graft.export;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.format.AtomicFiles;
import dev.graft.format.Json;
import dev.graft.format.SafetensorsWriter;
import dev.graft.format.vocabulary.TemplateFiles;
import dev.graft.format.vocabulary.TokenizerTexts;
import dev.graft.model.ModelConfig;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Shapes;
import dev.graft.tensor.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;

/// Writes a Hugging Face model directory: weights in safetensors, configuration and tokenizer of the model
/// it came from. One tensor is in memory at a time; models beyond the shard size are split and get an index.
public final class ModelDirectory {
    private static final long SHARD_BYTES = 5_000_000_000L;
    private static final List<String> BESIDE_THE_WEIGHTS = List.of(
            "generation_config.json",
            "tokenizer.json",
            "tokenizer_config.json",
            "special_tokens_map.json",
            "added_tokens.json",
            "vocab.json",
            "merges.txt",
            "tokenizer.model",
            "chat_template.jinja",
            "chat_template.json",
            "LICENSE");

    private ModelDirectory() {}

    /// A tensor to write: its shape and type, and how to make it, asked once, inside a scope.
    public record Weight(DType dtype, long[] shape, Supplier<Tensor> values) {
        public Weight {
            shape = shape.clone();
        }

        public long[] shape() {
            return shape.clone();
        }

        long bytes() {
            return Shapes.bytes(dtype, shape);
        }
    }

    /// The same tensors; `watcher` is told when one is made.
    static Map<String, Weight> watched(Map<String, Weight> weights, Advance watcher) {
        var begun = new AtomicInteger();
        Map<String, Weight> watched = new LinkedHashMap<>();
        weights.forEach((name, weight) -> watched.put(name, new Weight(weight.dtype(), weight.shape(), () -> {
            watcher.to(begun.incrementAndGet(), weights.size());
            return weight.values().get();
        })));
        return watched;
    }

    /// @param target   folder to create; must not exist
    /// @param source   model that configuration and tokenizer are taken from: a directory, `.gguf` or
    ///                 `.bin` file
    /// @param weights  every tensor by name
    /// @param saveType type named in `config.json`
    public static void write(Path target, Path source, Map<String, Weight> weights, DType saveType) {
        AtomicFiles.directory(target, false, folder -> fill(folder, source, weights, saveType, false));
    }

    /// The same, but a model that is at `target` already gives way once the new one is whole.
    ///
    /// @param template in place of that of `source`
    public static void replace(
            Path target, Path source, Map<String, Weight> weights, DType saveType, Optional<TemplateFiles> template) {
        AtomicFiles.directory(target, true, folder -> {
            fill(folder, source, weights, saveType, false);
            template.ifPresent(files -> files.replaceIn(folder));
        });
    }

    /// Writes the files of the model into an empty folder.
    ///
    /// @param untied whether the head has a table of its own that it shared in `source`
    static void fill(Path folder, Path source, Map<String, Weight> weights, DType saveType, boolean untied) {
        AtomicFiles.writeString(folder.resolve("config.json"), config(source, saveType, untied));
        if (Files.isDirectory(source)) {
            copyBesideTheWeights(source, folder);
        } else {
            TokenizerTexts texts = TokenizerTexts.of(source);
            BESIDE_THE_WEIGHTS.forEach(
                    name -> texts.text(name).ifPresent(text -> AtomicFiles.writeString(folder.resolve(name), text)));
        }
        writeWeights(folder, weights, SHARD_BYTES);
    }

    /// Copies tokenizer, chat template and the like of a model's or an adapter's folder into another.
    static void copyBesideTheWeights(Path source, Path folder) {
        BESIDE_THE_WEIGHTS.forEach(name -> copy(source.resolve(name), folder.resolve(name)));
        copyFolder(source.resolve(TokenizerTexts.OTHER_TEMPLATES), folder.resolve(TokenizerTexts.OTHER_TEMPLATES));
    }

    private static String config(Path source, DType saveType, boolean untied) {
        ObjectNode config = ((ObjectNode) ModelConfig.read(source).json()).deepCopy();
        String name = switch (saveType) {
            case BF16 -> "bfloat16";
            case F16 -> "float16";
            case F64 -> "float64";
            default -> "float32";
        };
        // Transformers 5 calls it "dtype", older versions "torch_dtype".
        config.put(config.has("dtype") ? "dtype" : "torch_dtype", name);
        if (untied) {
            config.put("tie_word_embeddings", false);
        }
        return Json.pretty(config) + "\n";
    }

    private static void copy(Path from, Path to) {
        if (!Files.isRegularFile(from)) {
            return;
        }
        try {
            Files.copy(from, to);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot copy %s to %s".formatted(from, to), e);
        }
    }

    private static void copyFolder(Path from, Path to) {
        if (!Files.isDirectory(from)) {
            return;
        }
        try (var files = Files.newDirectoryStream(from)) {
            Files.createDirectory(to);
            files.forEach(file -> copy(file, to.resolve(file.getFileName())));
        } catch (IOException e) {
            throw new UncheckedIOException("cannot copy %s to %s".formatted(from, to), e);
        }
    }

    static void writeWeights(Path folder, Map<String, Weight> weights, long shardBytes) {
        List<Map<String, Weight>> shards = new ArrayList<>();
        long room = 0;
        for (Map.Entry<String, Weight> entry : weights.entrySet()) {
            long bytes = entry.getValue().bytes();
            if (shards.isEmpty() || bytes > room) {
                shards.add(new LinkedHashMap<>());
                room = shardBytes;
            }
            shards.getLast().put(entry.getKey(), entry.getValue());
            room -= bytes;
        }
        if (shards.size() == 1) {
            writeShard(folder.resolve("model.safetensors"), shards.getFirst());
            return;
        }
        Map<String, String> map = new LinkedHashMap<>();
        for (int i = 0; i < shards.size(); i++) {
            String name = String.format(Locale.ROOT, "model-%05d-of-%05d.safetensors", i + 1, shards.size());
            writeShard(folder.resolve(name), shards.get(i));
            shards.get(i).keySet().forEach(tensor -> map.put(tensor, name));
        }
        long total = weights.values().stream().mapToLong(Weight::bytes).sum();
        AtomicFiles.writeString(
                folder.resolve("model.safetensors.index.json"),
                Json.pretty(Map.of("metadata", Map.of("total_size", total), "weight_map", map)));
    }

    private static void writeShard(Path file, Map<String, Weight> weights) {
        List<SafetensorsWriter.Part> parts = new ArrayList<>();
        weights.forEach((name, weight) -> parts.add(new SafetensorsWriter.Part(
                name, weight.dtype(), weight.shape(), channel -> write(name, weight, channel))));
        SafetensorsWriter.write(file, parts);
    }

    /// Fails when numbers are not finite, or were and are too large for the type they are saved in.
    static void requireFinite(String name, Tensor values, Tensor saved) {
        if (saved.allFinite()) {
            return;
        }
        throw new IllegalStateException(
                values.allFinite()
                        ? "%s holds numbers too large for %s; nothing was written. Save in a type of wider range, bfloat16 or float32."
                                .formatted(name, saved.dtype())
                        : "%s holds numbers that are not finite; nothing was written. The weights are damaged, or their training diverged."
                                .formatted(name));
    }

    private static void write(String name, Weight weight, WritableByteChannel channel) throws IOException {
        try (Scope scope = Scope.open()) {
            Tensor values = weight.values().get();
            Tensor plain = values.to(Device.cpu()).to(weight.dtype()).contiguous();
            requireFinite(name, values, plain);
            SafetensorsWriter.writeAll(plain.memory(), channel);
        }
    }
}
