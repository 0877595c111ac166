package dev.graft.format;

import static dev.graft.format.FormatException.quote;

import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.format.Safetensors.Entry;
import dev.graft.quant.BitsAndBytes;
import dev.graft.quant.BitsAndBytesConfig;
import dev.graft.quant.GraftConfig;
import dev.graft.quant.GraftLayout;
import dev.graft.quant.Int8Rows;
import dev.graft.quant.PackedLayout;
import dev.graft.quant.Quantised;
import dev.graft.tensor.DType;
import dev.graft.tensor.Packed;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;

/// The weights of a model folder as what they stand for: a quantised weight, which lies in its files as
/// several tensors, is one of its own shape and type. All are checked when this is made.
public final class PackedWeights {
    private final WeightFiles files;
    private final PackedLayout layout;
    private final Predicate<String> transposed;
    private final Map<String, Entry> entries = new LinkedHashMap<>();
    private final Set<String> packed = new TreeSet<>();

    private PackedWeights(WeightFiles files, PackedLayout layout, Predicate<String> transposed) {
        this.files = files;
        this.layout = layout;
        this.transposed = transposed;
    }

    /// @param config     the model's `config.json`
    /// @param transposed weights that lie `[in, out]` where they are not packed; packed, they are `[out,
    ///                   in]` as all are
    /// @throws FormatException when the files are quantised in a way Graft does not read, or damaged
    public static PackedWeights of(Path folder, WeightFiles files, JsonNode config, Predicate<String> transposed) {
        return of(folder, files, layout(folder, files, config), transposed);
    }

    /// Weights of a file that has no configuration, packed as bitsandbytes does.
    ///
    /// @param rowsType type that 8-bit weights had
    public static PackedWeights of(Path file, WeightFiles files, DType rowsType) {
        PackedLayout layout = PackedLayout.bitsAndBytes(stored(files), rowsType, Int8Rows.DEFAULT_THRESHOLD);
        return of(file, files, layout, weight -> false);
    }

    private static PackedWeights of(Path path, WeightFiles files, PackedLayout layout, Predicate<String> transposed) {
        PackedWeights weights = new PackedWeights(files, layout, transposed);
        try (Scope scope = Scope.open()) {
            weights.readAll(path);
        }
        return weights;
    }

    private static BitsAndBytes.Stored stored(WeightFiles files) {
        return new BitsAndBytes.Stored() {
            @Override
            public boolean has(String name) {
                return files.names().contains(name);
            }

            @Override
            public Tensor tensor(String name) {
                return files.tensor(name);
            }
        };
    }

    private static PackedLayout layout(Path folder, WeightFiles files, JsonNode config) {
        JsonNode settings = config.path("quantization_config");
        String method = settings.path("quant_method").asText("bitsandbytes");
        return switch (method) {
            case "bitsandbytes", GraftConfig.METHOD -> {
                try {
                    yield layout(stored(files), settings, method, typeOf(config));
                } catch (IllegalArgumentException e) {
                    throw new FormatException(
                            folder,
                            "quantization_config of its config.json is not one that Graft reads: " + e.getMessage(),
                            "what Transformers or graft quantize writes",
                            "Save or quantise the model again.",
                            e);
                }
            }
            default ->
                throw new FormatException(
                        folder,
                        "its weights are quantised with %s".formatted(quote(method)),
                        "bitsandbytes or graft (or no quantization_config in config.json)",
                        "Start from the model as it was before that, and quantise it here.");
        };
    }

    private static PackedLayout layout(BitsAndBytes.Stored stored, JsonNode settings, String method, DType rowsType) {
        return method.equals(GraftConfig.METHOD)
                ? new GraftLayout(stored, GraftConfig.read(settings).format(), rowsType)
                : PackedLayout.bitsAndBytes(stored, rowsType, BitsAndBytesConfig.threshold(settings));
    }

    /// 8-bit weights do not say what they were; the configuration does.
    private static DType typeOf(JsonNode config) {
        return switch (config.path("dtype").asText(config.path("torch_dtype").asText())) {
            case "bfloat16" -> DType.BF16;
            case "float32" -> DType.F32;
            default -> DType.F16;
        };
    }

    private void readAll(Path folder) {
        for (String name : files.names()) {
            Optional<String> whole = layout.weightOf(name);
            if (whole.isPresent()) {
                requirePacked(folder, whole.get(), name);
                continue;
            }
            Entry entry = files.entry(name);
            if (!layout.packs(name)) {
                entries.put(name, entry);
                continue;
            }
            try (Quantised weight = read(name)) {
                packed.add(name);
                entries.put(
                        name,
                        new Entry(
                                name,
                                weight.format().name().toUpperCase(Locale.ROOT),
                                Optional.of(weight.dtype()),
                                shape(name, weight),
                                entry.begin(),
                                entry.begin() + weight.bytes()));
            } catch (IllegalArgumentException e) {
                throw damaged(folder, name, e.getMessage(), e);
            }
        }
    }

    /// As the weight would lie unpacked.
    private long[] shape(String name, Quantised weight) {
        long[] shape = weight.shape();
        return transposed.test(name) ? new long[] {shape[1], shape[0]} : shape;
    }

    private void requirePacked(Path folder, String weight, String part) {
        if (!layout.packs(weight)) {
            throw damaged(
                    folder,
                    weight,
                    "%s is there, but not the scales or the quant_state that say how it is packed".formatted(part),
                    null);
        }
    }

    private static FormatException damaged(Path folder, String weight, String how, Throwable cause) {
        return new FormatException(
                folder,
                "the quantised weight %s is damaged: %s".formatted(quote(weight), how),
                "what bitsandbytes or graft quantize writes",
                "Download or save the model again.",
                cause);
    }

    private Quantised read(String name) {
        return layout.read(name);
    }

    /// Names of all weights.
    public Set<String> names() {
        return entries.keySet();
    }

    /// What a weight is; the type of one that is packed is that of its numbers, its bytes are those it
    /// takes packed.
    ///
    /// @throws FormatException when there is no such weight
    public Entry entry(String name) {
        Entry entry = entries.get(name);
        return entry != null ? entry : files.entry(name);
    }

    /// Whether a weight is packed as the transpose of what [#entry] and [#tensor] give.
    public boolean isPackedTransposed(String name) {
        return packed.contains(name) && transposed.test(name);
    }

    /// The weight as it is packed, over the memory of the files, a matrix as `[out, in]`; the caller
    /// closes it before them.
    public Optional<Packed> packed(String name) {
        return packed.contains(name) ? Optional.of(read(name)) : Optional.empty();
    }

    /// Lets the pages of a weight that is not packed leave memory; they are read again when it is touched
    /// again.
    public void unload(String name) {
        if (!packed.contains(name)) {
            files.unload(name);
        }
    }

    /// The numbers of a weight; belongs to the current scope, its memory to the files where it is not packed.
    public Tensor tensor(String name) {
        if (!packed.contains(name)) {
            return files.tensor(name);
        }
        try (Quantised weight = read(name)) {
            Tensor numbers = weight.unpacked(weight.dtype(), weight.device());
            return transposed.test(name) ? numbers.t().contiguous() : numbers;
        }
    }
}
