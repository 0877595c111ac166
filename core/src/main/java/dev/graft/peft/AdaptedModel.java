package dev.graft.peft;

import dev.graft.autograd.LowRank;
import dev.graft.autograd.Magnitude;
import dev.graft.autograd.Parameter;
import dev.graft.autograd.ReplacedRows;
import dev.graft.autograd.RowNorms;
import dev.graft.autograd.Weight;
import dev.graft.format.AdapterWeights;
import dev.graft.nn.LinearLayout.Slice;
import dev.graft.nn.NamedTensors;
import dev.graft.peft.Adapters.Adapted;
import dev.graft.peft.Adapters.ChangedTensor;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/// Everything that learns in one adapted model, by the names it has in the model and in the adapter's file.
final class AdaptedModel {
    /// Rows of a module that are trained.
    record Tokens(Tensor index, Parameter values) {}

    /// A layer changed by [#stacked].
    private record SlicedLayer(Slice slice, int rows) {}

    /// Adapted layers in the order of the model.
    final Map<String, Adapted> adapted = new LinkedHashMap<>();
    /// Factors of `target_parameters`, by the parameters' full names.
    final Map<String, StackedFactors> stacked = new LinkedHashMap<>();
    /// Layers that Transformers holds as slices of a parameter, and those changed by [#stacked].
    final Map<String, Slice> slices = new LinkedHashMap<>();

    /// Factors that layers began with where they are a part of the weight.
    final Map<String, StartingFactors> starts = new LinkedHashMap<>();

    private final Map<String, SlicedLayer> sliced = new LinkedHashMap<>();
    /// Layers whose weights are stored `[in, out]`.
    final Set<String> transposed = new LinkedHashSet<>();

    /// Tensors that are trained whole, by full name.
    final Map<String, Parameter> saved = new LinkedHashMap<>();
    /// Biases of the base that are trained, by full name.
    final Map<String, Parameter> biases = new LinkedHashMap<>();
    /// Trained rows, by module.
    final Map<String, Tokens> tokens = new LinkedHashMap<>();
    /// Tensors in the adapter's file, by their keys without the prefix. One parameter may stand under two.
    final Map<String, Parameter> keys = new LinkedHashMap<>();
    /// Modules that have no state without the adapter.
    final Set<String> unswitchable = new LinkedHashSet<>();
    /// Base tables that PEFT may store a copy of, by their keys in the file.
    final Map<String, Weight> tables = new LinkedHashMap<>();

    final ModuleNames modules = new ModuleNames();
    boolean enabled = true;
    /// The embedding whose table the head shares in the base; empty when it has its own.
    Optional<String> tiedTo = Optional.empty();
    /// The head, once it was asked for.
    Optional<String> head = Optional.empty();
    /// Whether the head of this model goes on sharing what the embedding became.
    boolean staysTied = true;

    private final Lora settings;
    private final long seed;
    private final List<AutoCloseable> others = new ArrayList<>();

    AdaptedModel(Lora settings, long seed) {
        this.settings = settings;
        this.seed = seed;
    }

    // ---------------------------------------------------------------- making what learns

    /// Fresh factors of a linear layer.
    ///
    /// @param shape `[out, in]`
    List<LowRank> adaptLinear(String name, Weight weight, long[] shape, NamedTensors source) {
        if (settings.init().needsWeight()) {
            return adaptFromWeight(name, weight, source);
        }
        int rank = settings.rankOf(name);
        int out = Math.toIntExact(shape[0]);
        int in = Math.toIntExact(shape[1]);
        InitialFactors start = InitialFactors.ofLinear(settings.init(), rank, in, out, random(name));
        Parameter a = learn(name + AdapterWeights.A, start.a(), source, rank, in);
        Parameter b = learn(name + AdapterWeights.B, start.b(), source, out, rank);
        Optional<Parameter> bias = settings.loraBias()
                ? Optional.of(learn(name + ".lora_B.bias", start.bias(), source, out))
                : Optional.empty();
        Optional<RowNorms> norms = settings.useDora()
                ? Optional.of(RowNorms.ofRows(weight, a, b, settings.scaleOf(name)))
                : Optional.empty();
        return List.of(adapt(name, a, b, bias, norms, false, source));
    }

    private List<LowRank> adaptFromWeight(String name, Weight weight, NamedTensors source) {
        try (Scope scope = Scope.open()) {
            WeightFactors factors = WeightFactors.of(settings, name, weight, source, random(name));
            DType type = source.computeType();
            Parameter a = put(name + AdapterWeights.A, new Parameter(name + AdapterWeights.A, factors.a(), type));
            Parameter b = put(name + AdapterWeights.B, new Parameter(name + AdapterWeights.B, factors.b(), type));
            if (!settings.init().takesFromWeight()) {
                return List.of(adapt(name, a, b, Optional.empty(), Optional.empty(), false, source));
            }
            StartingFactors start = StartingFactors.of(factors, type);
            others.add(start);
            starts.put(name, start);
            return List.of(
                    adapt(name, a, b, Optional.empty(), Optional.empty(), false, source),
                    start.taken(settings.scaleOf(name)));
        }
    }

    /// The part that a layer has in the factors of a parameter, which are made for its first layer.
    ///
    /// @param shape `[out, in]` of the layer
    LowRank adaptSlice(String layer, Slice slice, long[] shape, NamedTensors source) {
        int rows = Math.toIntExact(shape[0]);
        String name = slice.parameter();
        if (!stacked.containsKey(name)) {
            stacked.put(name, freshStack(slice, Math.toIntExact(shape[1]), source));
        }
        sliced.put(layer, new SlicedLayer(slice, rows));
        return stacked.get(name).lowRank(slice, rows, adapted.size() + sliced.size());
    }

    private StackedFactors freshStack(Slice slice, int in, NamedTensors source) {
        String name = slice.parameter();
        int rank = settings.rankOf(name);
        SplittableRandom random = random(name);
        List<InitialFactors> ofExperts = IntStream.range(0, slice.experts())
                .mapToObj(e -> InitialFactors.ofLinear(settings.init(), rank, in, slice.out(), random))
                .toList();
        InitialFactors start = StackedFactors.initial(slice, ofExperts, rank, in);
        long all = (long) rank * slice.experts();
        Parameter a = learn(name + AdapterWeights.A, start.a(), source, all, in);
        Parameter b = learn(name + AdapterWeights.B, start.b(), source, slice.out(), all);
        return new StackedFactors(a, b, slice.experts(), rank, settings.scaleOf(name));
    }

    /// Gives factors of parameters the keys they have in the file. PEFT wraps the module that holds the
    /// parameters once for each, the first innermost, so of several in one module all but the last stand
    /// under `base_layer`.
    void nameStacked() {
        List<String> names = List.copyOf(stacked.keySet());
        for (int i = 0; i < names.size(); i++) {
            String module = holder(names.get(i));
            long around = names.subList(i + 1, names.size()).stream()
                    .filter(later -> holder(later).equals(module))
                    .count();
            for (String factor : List.of(AdapterWeights.A, AdapterWeights.B)) {
                Parameter parameter = keys.remove(names.get(i) + factor);
                put(module + ".base_layer".repeat((int) around) + factor, parameter);
            }
        }
    }

    /// Layers adapted by their own names that end as those inside experts do. PEFT takes such a name in
    /// `target_modules` for the experts alone.
    List<String> namedLikeExperts() {
        Set<String> inside = new LinkedHashSet<>();
        slices.keySet().forEach(layer -> inside.add(ModuleNames.lastPart(layer)));
        return adapted.keySet().stream()
                .filter(layer -> !slices.containsKey(layer) && inside.contains(ModuleNames.lastPart(layer)))
                .toList();
    }

    private static String holder(String parameter) {
        return parameter.substring(0, parameter.lastIndexOf('.'));
    }

    /// Fresh factors of an embedding.
    ///
    /// @param shape `[vocab, width]`
    LowRank adaptEmbedding(String name, Weight table, long[] shape, NamedTensors source) {
        if (settings.loraBias()) {
            throw new IllegalArgumentException(
                    "lora_bias is true, but %s is an embedding, whose factors have no bias; leave it out of target_modules or lora_bias away"
                            .formatted(name));
        }
        if (settings.init().needsWeight()) {
            throw new IllegalArgumentException(
                    "init_lora_weights is %s, but %s is an embedding, whose factors begin otherwise; leave it out of target_modules"
                            .formatted(settings.init().name().toLowerCase(Locale.ROOT), name));
        }
        int rank = settings.rankOf(name);
        int vocab = Math.toIntExact(shape[0]);
        int width = Math.toIntExact(shape[1]);
        InitialFactors start = InitialFactors.ofEmbedding(settings.init(), rank, vocab, width, random(name));
        Parameter a = learn(name + ".lora_embedding_A", start.a(), source, rank, vocab);
        Parameter b = learn(name + ".lora_embedding_B", start.b(), source, width, rank);
        Optional<RowNorms> norms = settings.useDora()
                ? Optional.of(RowNorms.ofColumns(table, a, b, settings.scaleOf(name)))
                : Optional.empty();
        return adapt(name, a, b, Optional.empty(), norms, true, source);
    }

    private LowRank adapt(
            String name,
            Parameter a,
            Parameter b,
            Optional<Parameter> bias,
            Optional<RowNorms> norms,
            boolean embedding,
            NamedTensors source) {
        norms.ifPresent(others::add);
        // the factors give nothing yet, or what they give belongs to the matrix that training starts from
        String key = name + ".lora_magnitude_vector";
        Optional<Parameter> sizes = norms.map(n -> put(key, new Parameter(key, n.value(), source.computeType())));
        Optional<Magnitude> magnitude = norms.map(n -> new Magnitude(sizes.orElseThrow(), n));
        Adapted change = new Adapted(
                a, b, settings.scaleOf(name), bias, sizes, norms, embedding, Optional.ofNullable(starts.get(name)));
        adapted.put(name, change);
        return change.lowRank(settings.dropout(), adapted.size(), magnitude);
    }

    /// A tensor of a module that is trained whole.
    Parameter trainWhole(String tensor, NamedTensors source, String from) {
        try (Scope scope = Scope.open()) {
            Parameter parameter = new Parameter(tensor, source.stored(from).to(source.device()), source.computeType());
            saved.put(tensor, parameter);
            return put(tensor, parameter);
        }
    }

    /// A bias of the base that is trained.
    ///
    /// @param layer adapted or not, which decides what PEFT calls it
    Parameter trainBias(String layer, boolean isAdapted, NamedTensors source) {
        String tensor = layer + ".bias";
        String key = layer + (isAdapted ? ".base_layer.bias" : ".bias");
        try (Scope scope = Scope.open()) {
            Parameter parameter = new Parameter(key, source.stored(tensor).to(source.device()), source.computeType());
            biases.put(tensor, parameter);
            return put(key, parameter);
        }
    }

    /// Rows of a table that are trained, starting from its own.
    ReplacedRows trainRows(String module, List<Integer> rows, Weight table, NamedTensors source) {
        try (Scope scope = Scope.open()) {
            Tensor values = table.value();
            long vocab = values.size(0);
            rows.stream().filter(row -> row >= vocab).findFirst().ifPresent(row -> {
                throw new IllegalArgumentException(
                        "trainable_token_indices holds %d; %s has %d tokens, so the last is %d"
                                .formatted(row, module, vocab, vocab - 1));
            });
            int[] at = rows.stream().mapToInt(Integer::intValue).toArray();
            Tensor index = Tensor.of(at).to(source.device()).retain();
            String key = module + ".token_adapter.trainable_tokens_delta";
            Parameter parameter = new Parameter(key, values.indexSelect(0, index), source.computeType());
            others.add(index::release);
            tokens.put(module, new Tokens(index, put(key, parameter)));
            return new ReplacedRows(index, parameter);
        }
    }

    private Parameter learn(String key, float[] values, NamedTensors source, long... shape) {
        Device device = source.device();
        DType type = source.computeType();
        try (Scope scope = Scope.open()) {
            return put(key, new Parameter(key, Tensor.of(values, shape).to(device), type));
        }
    }

    private Parameter put(String key, Parameter parameter) {
        keys.put(key, parameter);
        return parameter;
    }

    private SplittableRandom random(String name) {
        return new SplittableRandom(seed * 31 + name.hashCode());
    }

    // ---------------------------------------------------------------- what came of it

    /// Everything that learns, each once.
    List<Parameter> parameters() {
        return keys.values().stream().distinct().toList();
    }

    List<ChangedTensor> changes() {
        List<ChangedTensor> changes = new ArrayList<>();
        adapted.forEach((name, change) -> {
            TensorChange factors = new TensorChange.Factors(change);
            changes.add(changed(
                    name + ".weight", transposed.contains(name) ? new TensorChange.Transposed(factors) : factors));
            change.bias().ifPresent(ofFactor -> {
                Optional<Parameter> trained = Optional.ofNullable(biases.get(name + ".bias"));
                changes.add(changed(name + ".bias", new TensorChange.Bias(trained, ofFactor, change.scale())));
            });
        });
        sliced.forEach((layer, part) -> {
            StackedFactors factors = stacked.get(part.slice.parameter());
            changes.add(
                    changed(layer + ".weight", new TensorChange.Added(() -> factors.product(part.slice, part.rows))));
        });
        saved.forEach((name, values) -> changes.add(changed(name, new TensorChange.Whole(values))));
        biases.forEach((name, values) -> {
            if (changes.stream().noneMatch(change -> change.name().equals(name))) {
                changes.add(changed(name, new TensorChange.Whole(values)));
            }
        });
        tokens.forEach((module, rows) ->
                changes.add(changed(module + ".weight", new TensorChange.Rows(rows.index, rows.values))));
        keepTheTableOfAHeadThatWasLeftAlone(changes);
        return changes;
    }

    private ChangedTensor changed(String name, TensorChange change) {
        boolean ofHead = head.isPresent() && name.equals(head.get() + ".weight");
        return new ChangedTensor(
                name, ofHead ? tiedTo.map(embedding -> embedding + ".weight").orElse(name) : name, change);
    }

    private void keepTheTableOfAHeadThatWasLeftAlone(List<ChangedTensor> changes) {
        if (tiedTo.isEmpty() || staysTied || head.isEmpty()) {
            return;
        }
        String own = head.get() + ".weight";
        boolean embeddingChanges = changes.stream().anyMatch(c -> c.name().equals(tiedTo.get() + ".weight"));
        if (embeddingChanges && changes.stream().noneMatch(c -> c.name().equals(own))) {
            changes.add(changed(own, new TensorChange.None()));
        }
    }

    void close() {
        parameters().forEach(Parameter::close);
        others.forEach(AdaptedModel::close);
        adapted.clear();
        stacked.clear();
        saved.clear();
        biases.clear();
        tokens.clear();
        starts.clear();
        keys.clear();
        others.clear();
    }

    private static void close(AutoCloseable other) {
        try {
            other.close();
        } catch (Exception e) {
            throw new IllegalStateException("norms and indices are freed without ado", e);
        }
    }
}
