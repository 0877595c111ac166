package dev.graft.export;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.format.AtomicFiles;
import dev.graft.format.FormatException;
import dev.graft.format.Json;
import dev.graft.format.Safetensors.Entry;
import dev.graft.model.Architecture;
import dev.graft.model.Architectures;
import dev.graft.model.ModelSource;
import dev.graft.quant.AffineInt8.Steps;
import dev.graft.quant.BitsAndBytesConfig;
import dev.graft.quant.GraftLayout;
import dev.graft.quant.PackedLayout;
import dev.graft.quant.QuantFormat;
import dev.graft.quant.Quantised;
import dev.graft.quant.QuantizationConfig;
import dev.graft.tensor.DType;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/// Quantises a model into a folder: one that Transformers reads where bitsandbytes has the format,
/// otherwise in [GraftLayout].
///
/// One tensor is in memory at a time. Each is quantised once to see what comes of it, and again when its turn
/// comes in the file, which holds scales and codes apart.
///
/// ```java
/// try (var quantised = QuantisedModel.open(model, new Nf4(true), Optional.empty())) {
///     AtomicFiles.directory(output, folder -> quantised.write(folder, Map.of(), layer -> {}));
/// }
/// ```
public final class QuantisedModel implements AutoCloseable {
    private final Path model;
    private final ModelSource source;
    private final QuantizationConfig config;
    private final List<String> modules;
    private final int experts;
    private final Set<String> transposed;
    private final List<QuantisedLayer> layers = new ArrayList<>();
    private String held = "";
    private String reading = "";
    private Quantised packed;

    private QuantisedModel(Path model, ModelSource source, QuantizationConfig config) {
        this.model = model;
        this.source = source;
        this.config = config;
        Architecture architecture = Architectures.of(source.config());
        List<String> layers = architecture.linearLayers(source.config());
        requireLayers(model, layers, config.skipped().orElse(List.of()));
        // Transformers stacks experts to parameters, which bitsandbytes does not pack
        boolean stacked = config instanceof BitsAndBytesConfig;
        List<String> all = new ArrayList<>(stacked ? architecture.ownLinearLayers(source.config()) : layers);
        this.experts = layers.size() - all.size();
        this.transposed = architecture.transposed(source.config());
        if (!architecture.isTied(source.config())) {
            all.add(BitsAndBytesConfig.HEAD);
        }
        this.modules = all.stream().filter(module -> !config.skips(module)).toList();
    }

    /// Checks that the model can be quantised so, without reading its weights.
    ///
    /// @param model   Hugging Face folder, `.gguf` or `.bin` file
    /// @param skipped modules left as they are, as `llm_int8_skip_modules`; without a list, the output
    ///                embedding
    public static QuantisedModel open(Path model, QuantFormat format, Optional<List<String>> skipped) {
        QuantizationConfig config = QuantizationConfig.of(format, skipped);
        ModelSource source = ModelSource.open(model);
        try {
            requirePlain(model, source);
            return new QuantisedModel(model, source, config);
        } catch (RuntimeException | Error e) {
            source.close();
            throw e;
        }
    }

    /// The whole way in one call.
    ///
    /// @param output   folder to create; must not exist
    /// @param progress told of each layer when it has been looked at
    public static QuantisationReport write(
            Path model,
            Path output,
            QuantFormat format,
            Optional<List<String>> skipped,
            Consumer<QuantisedLayer> progress) {
        List<QuantisationReport> report = new ArrayList<>();
        try (QuantisedModel quantised = open(model, format, skipped)) {
            AtomicFiles.directory(output, folder -> report.add(quantised.write(folder, Map.of(), progress)));
        }
        return report.getFirst();
    }

    private static void requirePlain(Path model, ModelSource source) {
        if (source.config().json().hasNonNull(QuantizationConfig.KEY)) {
            throw quantisedAlready(model, "its weights are quantised already");
        }
        source.names().stream()
                .map(source::entry)
                .filter(entry -> entry.dtype()
                        .filter(type -> entry.bytes() == entry.elements() * type.bytes())
                        .isEmpty())
                .findFirst()
                .ifPresent(entry -> {
                    throw quantisedAlready(
                            model, "%s is quantised already (%s)".formatted(entry.name(), entry.dtypeName()));
                });
    }

    private static FormatException quantisedAlready(Path model, String found) {
        return new FormatException(model, found, "a model in floating point", "Start from the model it was made of.");
    }

    /// Checks that every key of a list of modules to skip names a linear layer of the model, without
    /// reading its weights.
    ///
    /// @param keys the beginning or end of a layer's name each
    /// @throws FormatException for one that names none
    public static void requireLayers(Path model, List<String> keys) {
        try (ModelSource source = ModelSource.open(model)) {
            requireLayers(model, Architectures.of(source.config()).linearLayers(source.config()), keys);
        }
    }

    private static void requireLayers(Path model, List<String> layers, List<String> keys) {
        for (String key : keys) {
            boolean known = BitsAndBytesConfig.matches(key, BitsAndBytesConfig.HEAD)
                    || layers.stream().anyMatch(layer -> BitsAndBytesConfig.matches(key, layer));
            if (!known) {
                throw new FormatException(
                        model,
                        "there is no linear layer that \"%s\" names".formatted(key),
                        "the beginning or end of a layer's name, such as %s or %s"
                                .formatted(lastPart(layers.getFirst()), layers.getLast()),
                        "Correct the list of modules to skip.");
            }
        }
    }

    private static String lastPart(String module) {
        return module.substring(module.lastIndexOf('.') + 1);
    }

    /// The linear layers that will be quantised.
    public List<String> modules() {
        return modules;
    }

    /// Linear layers of experts that stay as they are, since Transformers has them stacked in parameters.
    public int experts() {
        return experts;
    }

    /// Writes the model into an empty folder.
    ///
    /// @param inputs   what the inputs of layers are to be multiplied in, by module, of a calibration;
    ///                 may be empty
    /// @param progress told of each layer when it has been looked at, while its memory is still held
    public QuantisationReport write(Path folder, Map<String, Steps> inputs, Consumer<QuantisedLayer> progress) {
        Map<String, ModelDirectory.Weight> weights = new LinkedHashMap<>();
        long before = 0;
        for (String name : source.names()) {
            Entry entry = source.entry(name);
            before += entry.bytes();
            String module = name.replaceFirst("\\.weight$", "");
            if (!name.equals(module) && modules.contains(module)) {
                Optional<Steps> input = Optional.ofNullable(inputs.get(module));
                weights.putAll(quantised(name, entry, input, progress));
                input.ifPresent(steps -> weights.putAll(inputSteps(module, steps)));
            } else {
                DType type = entry.dtype().orElseThrow();
                weights.put(name, new ModelDirectory.Weight(type, entry.shape(), () -> stored(name)));
            }
        }
        ModelDirectory.fill(folder, model, weights, saveType(), false);
        addSettings(folder.resolve("config.json"));
        long after = weights.values().stream()
                .mapToLong(ModelDirectory.Weight::bytes)
                .sum();
        return new QuantisationReport(layers, before, after);
    }

    /// The tensors that a weight becomes; also measures it.
    private Map<String, ModelDirectory.Weight> quantised(
            String name, Entry entry, Optional<Steps> input, Consumer<QuantisedLayer> progress) {
        Map<String, ModelDirectory.Weight> parts = new LinkedHashMap<>();
        long bytes = 0;
        try (Scope scope = Scope.open()) {
            Map<String, Tensor> tensors = PackedLayout.tensors(name, packed(name));
            for (Map.Entry<String, Tensor> part : tensors.entrySet()) {
                Tensor tensor = part.getValue();
                bytes += tensor.bytes();
                parts.put(
                        part.getKey(),
                        new ModelDirectory.Weight(
                                tensor.dtype(),
                                tensor.shape(),
                                () -> PackedLayout.tensors(name, packed(name)).get(part.getKey())));
            }
            double error = QuantisedLayer.relativeError(matrix(name), packed);
            layers.add(new QuantisedLayer(
                    name, entry.elements(), entry.bytes(), bytes, error, QuantisedLayer.affine(packed, input)));
            progress.accept(layers.getLast());
        }
        return parts;
    }

    private static Map<String, ModelDirectory.Weight> inputSteps(String module, Steps steps) {
        return Map.of(
                module + GraftLayout.INPUT_SCALE,
                new ModelDirectory.Weight(DType.F32, new long[] {1}, () -> Tensor.of(new float[] {steps.scale()})),
                module + GraftLayout.INPUT_ZERO,
                new ModelDirectory.Weight(
                        DType.I8,
                        new long[] {1},
                        () -> Tensor.of(new int[] {steps.zero()}).to(DType.I8)));
    }

    /// The weight in its packed form, kept until another is asked for: parts of one weight lie together.
    private Quantised packed(String name) {
        if (!name.equals(held)) {
            drop();
            try (Scope scope = Scope.open()) {
                packed = config.format().quantise(matrix(name));
                held = name;
            } catch (IllegalArgumentException e) {
                throw new IllegalArgumentException(name + ": " + e.getMessage(), e);
            }
        }
        return packed;
    }

    /// A tensor of the model; the one that was asked for before leaves memory.
    private Tensor stored(String name) {
        if (!name.equals(reading)) {
            if (!reading.isEmpty()) {
                source.unload(reading);
            }
            reading = name;
        }
        return source.stored(name);
    }

    /// A weight as `[out, in]`, whichever way it lies.
    private Tensor matrix(String name) {
        Tensor stored = stored(name);
        return transposed.contains(name) ? stored.t() : stored;
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

    private void addSettings(Path file) {
        ObjectNode json = ((ObjectNode) Json.readObject(file, "the model's configuration")).deepCopy();
        json.set(QuantizationConfig.KEY, config.json());
        AtomicFiles.writeString(file, Json.pretty(json) + "\n");
    }

    @Override
    public void close() {
        drop();
        source.close();
    }
}
