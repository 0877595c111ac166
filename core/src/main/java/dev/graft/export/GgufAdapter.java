package dev.graft.export;

import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.format.AdapterWeights;
import dev.graft.format.FormatException;
import dev.graft.format.GgufType;
import dev.graft.format.GgufValue;
import dev.graft.format.GgufWriter;
import dev.graft.format.Json;
import dev.graft.model.Architectures;
import dev.graft.model.ModelConfig;
import dev.graft.model.RotaryRows;
import dev.graft.model.gguf.GgufFamilies;
import dev.graft.model.gguf.GgufFamily;
import dev.graft.model.gguf.GgufNames.Change;
import dev.graft.model.gguf.GgufNames.Place;
import dev.graft.tensor.DType;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.regex.Pattern;

/// Writes a PEFT LoRA adapter as a GGUF adapter for llama.cpp.
///
/// llama.cpp knows one `alpha` and takes `alpha / rank` of each layer as its scale. Whatever else
/// decides about a layer's
/// scale (rsLoRA, `rank_pattern`, `alpha_pattern`) is therefore multiplied into its B: `B' = B · scale ·
/// rank / alpha`.
public final class GgufAdapter {
    private static final String PREFIX = "base_model.model.";
    private static final String A = ".lora_A.weight";
    private static final String B = ".lora_B.weight";
    private static final int NO_EXPERT = -1;
    private static final String ADVICE =
            "GGUF adapters cannot say this. Merge the adapter with \"graft merge\" and export the merged model.";

    private final Path adapter;
    private final JsonNode settings;
    private final ModelConfig base;
    private final GgufFamily family;
    private final GgufType type;

    private GgufAdapter(Path adapter, ModelConfig base, GgufType type) {
        this.adapter = adapter;
        this.settings = Json.readObject(adapter.resolve("adapter_config.json"), "a PEFT adapter's settings");
        this.base = base;
        this.family = GgufFamilies.of(base);
        this.type = type;
    }

    /// What was written.
    public record Report(int layers, double alpha) {}

    /// @param adapter PEFT adapter directory
    /// @param base    the model it belongs to
    /// @param type    F32 or F16
    /// @throws FormatException for what the format cannot say: DoRA, biases, modules trained whole, new
    /// tokens
    public static Report run(Path adapter, Path base, Path output, GgufType type) {
        return new GgufAdapter(adapter, ModelConfig.read(base), type).write(output);
    }

    private Report write(Path output) {
        requireSayable();
        double alpha = settings.path("lora_alpha").asDouble(8);
        double written = alpha == 0 ? 1 : alpha; // 0 means "no scale" to llama.cpp and "no change" to PEFT
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
                double scale = scale(module, a.size(0));
                Tensor folded = paired(b.mul(scale * a.size(0) / written), place.change());
                layers.computeIfAbsent(place.tensor(), name -> new TreeMap<>())
                        .put(place.expert().orElse(NO_EXPERT), new Factors(module, a, folded));
            }
            layers.forEach((tensor, factors) -> {
                parts.add(part(tensor + ".lora_a", stacked(factors, Factors::a)));
                parts.add(part(tensor + ".lora_b", stacked(factors, Factors::b)));
            });
            GgufWriter.write(output, metadata(written), parts);
            return new Report(modules.size(), written);
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
        String kind = settings.path("peft_type").asText("LORA");
        if (!kind.equals("LORA")) {
            faults.add("peft_type is " + kind);
        }
        for (String key : List.of("use_dora", "lora_bias", "use_qalora", "use_bdlora")) {
            if (settings.path(key).asBoolean(false)) {
                faults.add(key + " is true");
            }
        }
        for (String key : List.of(
                "modules_to_save",
                "trainable_token_indices",
                "target_parameters",
                "layer_replication",
                "alora_invocation_tokens")) {
            if (!settings.path(key).isMissingNode()
                    && !settings.path(key).isNull()
                    && !settings.path(key).isEmpty()) {
                faults.add("%s is %s".formatted(key, settings.path(key)));
            }
        }
        String init = settings.path("init_lora_weights").asText("true");
        if (init.startsWith("pissa") || init.equals("olora")) {
            faults.add("init_lora_weights is \"%s\", so the factors begin with a part of the base".formatted(init));
        }
        String bias = settings.path("bias").asText("none");
        if (!bias.equals("none")) {
            faults.add("bias is \"%s\"".formatted(bias));
        }
        refuse(faults);
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
    }

    /// As PEFT computes it: `alpha / r`, or `alpha / √r` with rsLoRA; a pattern's alpha where one matches.
    private double scale(String module, long rank) {
        double alpha = settings.path("lora_alpha").asDouble(8);
        for (Map.Entry<String, JsonNode> pattern :
                settings.path("alpha_pattern").properties()) {
            if (Pattern.compile("(.*\\.)?(" + pattern.getKey() + ")")
                    .matcher(module)
                    .matches()) {
                alpha = pattern.getValue().asDouble();
                break;
            }
        }
        return alpha / (settings.path("use_rslora").asBoolean(false) ? Math.sqrt(rank) : rank);
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
            throw new IllegalStateException("%s holds numbers that are not finite in %s".formatted(name, type));
        }
        byte[] bytes = plain.memory().toArray(ValueLayout.JAVA_BYTE);
        return new GgufWriter.Part(name, type, plain.shape(), MemorySegment.ofArray(bytes));
    }
}
