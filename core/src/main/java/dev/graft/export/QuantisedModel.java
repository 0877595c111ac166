package dev.graft.export;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.format.AtomicFiles;
import dev.graft.format.FormatException;
import dev.graft.format.Json;
import dev.graft.format.Safetensors.Entry;
import dev.graft.model.Architectures;
import dev.graft.model.ModelSource;
import dev.graft.quant.BitsAndBytes;
import dev.graft.quant.QuantizationConfig;
import dev.graft.quant.QuantFormat;
import dev.graft.quant.Quantised;
import dev.graft.tensor.DType;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/// Quantises a model into a folder that Transformers reads with bitsandbytes.
///
/// One tensor is in memory at a time. Each is quantised once to see what comes of it, and again when its turn
/// comes in the file, which holds scales and codes apart.
public final class QuantisedModel {
    private final ModelSource source;
    private final QuantFormat format;
    private final List<Layer> layers = new ArrayList<>();
    private String held = "";
    private Quantised packed;

    private QuantisedModel(ModelSource source, QuantFormat format) {
        this.source = source;
        this.format = format;
    }

    /// What became of one layer.
    ///
    /// @param error `‖W − Ŵ‖ / ‖W‖`
    public record Layer(String name, long weights, long bytesBefore, long bytesAfter, double error) {}

    /// @param layers      the quantised ones, in the order of the files
    /// @param bytesBefore of all tensors
    public record Report(List<Layer> layers, long bytesBefore, long bytesAfter) {
        /// Bits a quantised weight takes, scales included.
        public double bitsPerWeight() {
            long weights = layers.stream().mapToLong(Layer::weights).sum();
            return weights == 0
                    ? 0
                    : 8.0 * layers.stream().mapToLong(Layer::bytesAfter).sum() / weights;
        }
    }

    /// @param model    Hugging Face folder
    /// @param output   folder to create; must not exist
    /// @param format   one that bitsandbytes has: NF4, FP4 or int8
    /// @param skipped  `llm_int8_skip_modules`; without a list, the output embedding
    /// @param progress told of each layer when it has been looked at
    public static Report write(
            Path model, Path output, QuantFormat format, Optional<List<String>> skipped, Consumer<Layer> progress) {
        QuantizationConfig config = QuantizationConfig.of(format, skipped);
        try (ModelSource source = ModelSource.open(model)) {
            if (source.config().json().hasNonNull("quantization_config")) {
                throw new FormatException(
                        model,
                        "its weights are quantised already",
                        "a model in floating point",
                        "Start from the model it was made of.");
            }
            if (!Architectures.of(source.config()).storesLinearsPlainly(source.config())) {
                throw new FormatException(
                        model,
                        "its linear layers are stacked or transposed (%s)"
                                .formatted(source.config().modelType()),
                        "one whose linear layers are stored apart, which is what bitsandbytes packs",
                        "Quantise it while loading instead: load_in_4bit.");
            }
            return new QuantisedModel(source, format).write(model, output, config, progress);
        }
    }

    private Report write(Path model, Path output, QuantizationConfig config, Consumer<Layer> progress) {
        List<String> linears = Architectures.of(source.config()).linearLayers(source.config());
        Map<String, ModelDirectory.Weight> weights = new LinkedHashMap<>();
        long before = 0;
        for (String name : source.names()) {
            Entry entry = source.entry(name);
            before += entry.bytes();
            String module = name.replaceFirst("\\.weight$", "");
            boolean linear = linears.contains(module) || module.equals("lm_head");
            if (linear && !name.equals(module) && !config.skips(module)) {
                weights.putAll(quantised(name, entry));
                progress.accept(layers.getLast());
            } else {
                DType type = entry.dtype().orElseThrow();
                weights.put(name, new ModelDirectory.Weight(type, entry.shape(), () -> source.stored(name)));
            }
        }
        try {
            AtomicFiles.directory(output, false, folder -> {
                ModelDirectory.fill(folder, model, weights, saveType(), false);
                addSettings(folder.resolve("config.json"), config);
            });
        } finally {
            drop();
        }
        long after = weights.values().stream()
                .mapToLong(ModelDirectory.Weight::bytes)
                .sum();
        return new Report(List.copyOf(layers), before, after);
    }

    /// The tensors that a weight becomes; also measures it.
    private Map<String, ModelDirectory.Weight> quantised(String name, Entry entry) {
        Map<String, ModelDirectory.Weight> parts = new LinkedHashMap<>();
        long bytes = 0;
        try (Scope scope = Scope.open()) {
            Map<String, Tensor> tensors = BitsAndBytes.tensors(name, packed(name));
            for (Map.Entry<String, Tensor> part : tensors.entrySet()) {
                Tensor tensor = part.getValue();
                bytes += tensor.bytes();
                parts.put(
                        part.getKey(),
                        new ModelDirectory.Weight(
                                tensor.dtype(),
                                tensor.shape(),
                                () -> BitsAndBytes.tensors(name, packed(name)).get(part.getKey())));
            }
            layers.add(new Layer(name, entry.elements(), entry.bytes(), bytes, error(name)));
        }
        return parts;
    }

    private double error(String name) {
        Tensor exact = source.stored(name).to(DType.F32);
        double size = exact.norm();
        return size == 0
                ? 0
                : packed.unpacked(DType.F32, packed.device()).sub(exact).norm() / size;
    }

    /// The weight in its packed form, kept until another is asked for: parts of one weight lie together.
    private Quantised packed(String name) {
        if (!name.equals(held)) {
            drop();
            try (Scope scope = Scope.open()) {
                packed = format.quantise(source.stored(name));
                held = name;
            } catch (IllegalArgumentException e) {
                throw new IllegalArgumentException(name + ": " + e.getMessage(), e);
            }
        }
        return packed;
    }

    private void drop() {
        if (packed != null) {
            packed.close();
            packed = null;
            held = "";
        }
    }

    /// The type of weights that stay as they are.
    private DType saveType() {
        return source.names().stream()
                .map(source::entry)
                .filter(entry -> entry.shape().length == 2)
                .findFirst()
                .flatMap(Entry::dtype)
                .orElse(DType.F32);
    }

    private static void addSettings(Path file, QuantizationConfig config) {
        ObjectNode json = ((ObjectNode) Json.readObject(file, "the model's configuration")).deepCopy();
        json.set("quantization_config", config.json());
        AtomicFiles.writeString(file, Json.pretty(json) + "\n");
    }
}
