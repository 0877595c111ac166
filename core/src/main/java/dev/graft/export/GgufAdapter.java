package dev.graft.export;

import dev.graft.format.AdapterWeights;
import dev.graft.format.FormatException;
import dev.graft.format.GgufType;
import dev.graft.format.GgufValue;
import dev.graft.format.GgufWriter;
import dev.graft.model.Architectures;
import dev.graft.model.ModelConfig;
import dev.graft.model.RotaryRows;
import dev.graft.model.gguf.GgufFamilies;
import dev.graft.model.gguf.GgufFamily;
import dev.graft.model.gguf.GgufNames.Change;
import dev.graft.model.gguf.GgufNames.Place;
import dev.graft.peft.Adapters;
import dev.graft.peft.Extras;
import dev.graft.peft.Lora;
import dev.graft.peft.TrainableTokens;
import dev.graft.tensor.DType;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Function;

/// Writes a PEFT LoRA adapter as a GGUF adapter for llama.cpp.
///
/// llama.cpp knows one `alpha` and takes `alpha / rank` of each layer as its scale. Whatever else decides
/// about a layer's scale (rsLoRA, `rank_pattern`, `alpha_pattern`) is therefore multiplied into its B:
/// `B' = B · scale · rank / alpha`.
public final class GgufAdapter {
    private static final String PREFIX = AdapterWeights.PREFIX;
    private static final String A = AdapterWeights.A;
    private static final String B = AdapterWeights.B;
    private static final int NO_EXPERT = -1;
    private static final String ADVICE =
            "GGUF adapters cannot say this. Merge the adapter with \"graft merge\" and export the merged model.";

    private final Path adapter;
    private final Lora settings;
    private final ModelConfig base;
    private final GgufFamily family;
    private final GgufType type;

    private GgufAdapter(Path adapter, ModelConfig base, GgufType type) {
        this.adapter = adapter;
        this.settings = Adapters.read(adapter).settings();
        this.base = base;
        this.family = GgufFamilies.of(base);
        this.type = type;
    }

    /// What was written.
    public record Report(int layers, double alpha) {}

    /// @param adapter PEFT adapter directory
    /// @param base    the model it belongs to
    /// @param type    F32 or F16
    /// @throws FormatException for settings that Graft does not honour, and for what the format cannot say:
    ///                         DoRA, biases, modules trained whole, new tokens
    public static Report run(Path adapter, Path base, Path output, GgufType type) {
        return new GgufAdapter(adapter, ModelConfig.read(base), type).write(output);
    }

    private Report write(Path output) {
        requireSayable();
        double alpha = settings.alpha();
        try (AdapterWeights files = AdapterWeights.open(adapter);
                Scope scope = Scope.open()) {
            List<GgufWriter.Part> parts = new ArrayList<>();
            Map<String, long[]> tensors = Architectures.of(base).tensors(base);
            List<String> modules = modules(files);
            Map<String, TreeMap<Integer, Factors>> layers = new TreeMap<>(); // experts share a tensor
            for (String module : modules) {
                Place place = place(module, tensors);
                Tensor a = tensor(files, module + A);
                Tensor b = tensor(files, module + B);
                requireFit(module, a, b, tensors.get(module + ".weight"), place);
                Tensor folded = paired(b.mul(settings.scaleOf(module) * a.size(0) / alpha), place.change());
                layers.computeIfAbsent(place.tensor(), name -> new TreeMap<>())
                        .put(place.expert().orElse(NO_EXPERT), new Factors(module, a, folded));
            }
            layers.forEach((tensor, factors) -> {
                parts.add(part(tensor + ".lora_a", stacked(factors, Factors::a)));
                parts.add(part(tensor + ".lora_b", stacked(factors, Factors::b)));
            });
            GgufWriter.write(output, metadata(alpha), parts);
            return new Report(modules.size(), alpha);
        }
    }

    private record Factors(String module, Tensor a, Tensor b) {}

    /// One factor of a layer, or those of all its experts in one: the format has no word for some of
    /// them, nor for ranks that differ.
    private Tensor stacked(TreeMap<Integer, Factors> experts, Function<Factors, Tensor> side) {
        Factors first = experts.firstEntry().getValue();
        Tensor one = side.apply(first);
        if (experts.firstKey() == NO_EXPERT) {
            return one;
        }
        int count = base.size(base.has("num_experts") ? "num_experts" : "num_local_experts");
        if (experts.size() != count) {
            refuse(List.of("it changes %s and so %d of the %d experts of that layer"
                    .formatted(first.module, experts.size(), count)));
        }
        experts.values().forEach(each -> {
            if (each.a.size(0) != first.a.size(0)) {
                refuse(List.of("%s has rank %d and %s has rank %d; experts of one layer share one"
                        .formatted(first.module, first.a.size(0), each.module, each.a.size(0))));
            }
        });
        List<Tensor> all = experts.values().stream().map(side).toList();
        return Tensor.cat(all, 0).reshape(count, one.size(0), one.size(1));
    }

    private Map<String, GgufValue> metadata(double alpha) {
        Map<String, GgufValue> metadata = new LinkedHashMap<>();
        metadata.put("general.architecture", GgufValue.of(family.architecture()));
        metadata.put("general.type", GgufValue.of("adapter"));
        metadata.put(
                "general.name",
                GgufValue.of(adapter.toAbsolutePath().normalize().getFileName().toString()));
        metadata.put("general.file_type", GgufValue.of(type == GgufType.F32 ? 0L : 1L));
        metadata.put("adapter.type", GgufValue.of("lora"));
        metadata.put("adapter.lora.alpha", GgufValue.of(alpha));
        return metadata;
    }

    private void requireSayable() {
        List<String> faults = new ArrayList<>();
        Extras extras = settings.extras();
        require(!settings.useDora(), "use_dora is true", faults);
        require(!settings.loraBias(), "lora_bias is true", faults);
        String bias = settings.bias().name().toLowerCase(Locale.ROOT);
        require(settings.bias() == Lora.Bias.NONE, "bias is \"%s\"".formatted(bias), faults);
        require(extras.modulesToSave().isEmpty(), "modules_to_save is " + extras.modulesToSave(), faults);
        require(extras.tokens().equals(TrainableTokens.NONE), "trainable_token_indices is set", faults);
        List<String> parameters = settings.selection().parameters();
        require(parameters.isEmpty(), "target_parameters is " + parameters, faults);
        require(
                settings.init() != Lora.Init.PISSA && settings.init() != Lora.Init.OLORA,
                "init_lora_weights is \"%s\", so the factors begin with a part of the base"
                        .formatted(settings.init().name().toLowerCase(Locale.ROOT)),
                faults);
        refuse(faults);
    }

    private static void require(boolean sayable, String otherwise, List<String> faults) {
        if (!sayable) {
            faults.add(otherwise);
        }
    }

    private void refuse(List<String> faults) {
        if (!faults.isEmpty()) {
            throw new FormatException(
                    adapter, String.join("; ", faults), "LoRA factors of linear layers and nothing else", ADVICE);
        }
    }

    /// Layers by their full names in the model; whatever else the file holds is refused.
    private List<String> modules(AdapterWeights files) {
        Map<String, Integer> modules = new TreeMap<>();
        List<String> faults = new ArrayList<>();
        for (String key : files.names()) {
            if (key.startsWith(PREFIX) && (key.endsWith(A) || key.endsWith(B))) {
                modules.merge(key.substring(PREFIX.length(), key.length() - A.length()), 1, Integer::sum);
            } else {
                faults.add("it holds " + key);
            }
        }
        modules.forEach((module, count) -> {
            if (count != 2) {
                faults.add("of %s it holds one factor alone".formatted(module));
            }
        });
        if (modules.isEmpty()) {
            faults.add("it holds no LoRA factors");
        }
        refuse(faults.size() > 4 ? faults.subList(0, 4) : faults);
        return List.copyOf(modules.keySet());
    }

    private Place place(String module, Map<String, long[]> tensors) {
        Optional<Place> place =
                family.names().of(module + ".weight").filter(at -> tensors.containsKey(module + ".weight"));
        if (place.isEmpty()) {
            throw new FormatException(
                    adapter,
                    "it changes %s, which %s does not have".formatted(module, base.file()),
                    "layers of the base model",
                    "Give the base model it was trained on with --base.");
        }
        if (place.get().tensor().equals("token_embd.weight")) {
            refuse(List.of("it changes %s, the embedding".formatted(module)));
        }
        return place.get();
    }

    private void requireFit(String module, Tensor a, Tensor b, long[] weight, Place place) {
        boolean transposed = place.change() == Change.TRANSPOSED;
        long in = transposed ? weight[0] : weight[1];
        long out = transposed ? weight[1] : weight[0];
        if (a.size(1) != in || b.size(0) != out || b.size(1) != a.size(0)) {
            throw new FormatException(
                    adapter,
                    "the factors of %s are [%d, %d] and [%d, %d]"
                            .formatted(module, a.size(0), a.size(1), b.size(0), b.size(1)),
                    "[r, %d] and [%d, r]".formatted(in, out),
                    "Give the base model it was trained on with --base.");
        }
        if (a.size(0) != settings.rankOf(module)) {
            throw new FormatException(
                    adapter,
                    "the factors of %s have rank %d".formatted(module, a.size(0)),
                    "rank %d, as r and rank_pattern of its settings say".formatted(settings.rankOf(module)),
                    "Take settings and factors from one adapter.");
        }
    }

    private Tensor paired(Tensor b, Change change) {
        int heads = base.size("num_attention_heads");
        return switch (change) {
            case QUERY_ROWS -> RotaryRows.toPairs(b, heads);
            case KEY_ROWS ->
                RotaryRows.toPairs(b, base.optionalSize("num_key_value_heads").orElse(heads));
            case SAME, TRANSPOSED, PLUS_ONE -> b;
        };
    }

    private Tensor tensor(AdapterWeights files, String key) {
        if (files.entry(PREFIX + key).dtype().filter(DType::isFloating).isEmpty()) {
            throw new FormatException(
                    adapter,
                    key + " is of type " + files.entry(PREFIX + key).dtypeName(),
                    "a floating type",
                    "Save it in float32.");
        }
        return files.tensor(PREFIX + key).to(DType.F32);
    }

    private GgufWriter.Part part(String name, Tensor values) {
        Tensor plain = values.to(type.dtype().orElseThrow()).contiguous();
        if (!plain.allFinite()) {
            throw new IllegalStateException(
                    "%s holds numbers that are not finite in %s; nothing was written. Write it as f32, and where that fails too, the adapter is damaged"
                            .formatted(name, type));
        }
        byte[] bytes = plain.memory().toArray(ValueLayout.JAVA_BYTE);
        return new GgufWriter.Part(name, type, plain.shape(), MemorySegment.ofArray(bytes));
    }
}
