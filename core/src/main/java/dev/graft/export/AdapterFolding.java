package dev.graft.export;

import dev.graft.model.Architectures;
import dev.graft.model.LanguageModel;
import dev.graft.nn.LinearFactory;
import dev.graft.nn.NamedTensors;
import dev.graft.peft.Adapters;
import dev.graft.peft.Adapters.Adapted;
import dev.graft.peft.Adapters.ChangedTensor;
import dev.graft.peft.Lora;
import dev.graft.peft.Targets;
import dev.graft.peft.TensorChange;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// The changes of several adapters as one adapter.
final class AdapterFolding {
    private final Path model;
    private final MergeSettings settings;
    private final NamedTensors source;
    private final List<OpenedAdapter> adapters;
    /// The base's tensor of each changed one.
    private final Map<String, String> bases = new LinkedHashMap<>();

    AdapterFolding(Path model, MergeSettings settings, NamedTensors source, List<OpenedAdapter> adapters) {
        this.model = model;
        this.settings = settings;
        this.source = source;
        this.adapters = adapters;
        for (OpenedAdapter adapter : adapters) {
            for (ChangedTensor changed : adapter.changes().values()) {
                if (factors(changed.change()).isEmpty()) {
                    throw new IllegalArgumentException(
                            "%s trains %s otherwise than by factors, which no adapter of low rank holds; merge it into the base, with a method that does not end in svd"
                                    .formatted(adapter.directory(), changed.name()));
                }
                bases.put(changed.name(), changed.base());
            }
        }
    }

    FoldReport write(Path folder, Optional<Integer> asked, String baseModel) {
        int rank = asked.orElseGet(this::largestRank);
        String[] modules = bases.keySet().stream().map(AdapterFolding::module).toArray(String[]::new);
        // alpha is the rank, so that the scale is 1 and the factors are the change
        Adapters result = new Adapters(new Lora(rank, rank, 0, Targets.names(modules)), 0);
        LinearFactory factory = result.over(LinearFactory.streamed((tensor, from) -> from.computed(tensor)));
        try (LanguageModel built = Architectures.load(model, factory, Device.cpu(), DType.F32)) {
            List<FoldReport.Layer> layers = new ArrayList<>();
            for (String tensor : bases.keySet()) {
                try (Scope scope = Scope.open()) {
                    AdapterFold fold = fold(tensor, rank);
                    Adapted layer = result.adapted().get(module(tensor));
                    layer.a().set(fold.a());
                    layer.b().set(fold.b());
                    layers.add(new FoldReport.Layer(tensor, fold.norm(), fold.residual()));
                }
            }
            result.save(folder, baseModel);
            return new FoldReport(rank, layers);
        }
    }

    private static String module(String tensor) {
        return tensor.replaceFirst("\\.weight$", "");
    }

    private int largestRank() {
        return adapters.stream()
                .flatMap(adapter -> adapter.adapters().adapted().values().stream())
                .mapToInt(layer -> Math.toIntExact(layer.rank()))
                .max()
                .orElse(1);
    }

    private AdapterFold fold(String tensor, int rank) {
        List<Integer> changing = new ArrayList<>();
        for (int i = 0; i < adapters.size(); i++) {
            if (adapters.get(i).changes().containsKey(tensor)) {
                changing.add(i);
            }
        }
        boolean products =
                changing.stream().allMatch(i -> factors(i, tensor).magnitude().isEmpty());
        if (settings.method() == MergeMethod.LINEAR && products) {
            List<Tensor> as = new ArrayList<>();
            List<Tensor> bs = new ArrayList<>();
            for (int i : changing) {
                Adapted factors = factors(i, tensor);
                as.add(factors.factorA());
                bs.add(factors.factorB()
                        .mul(factors.scale() * settings.weights().get(i)));
            }
            return AdapterFold.ofFactors(as, bs, rank);
        }
        Tensor base = source.stored(bases.get(tensor)).to(DType.F32);
        Tensor delta = new TensorMerge(tensor, settings, adapters).combined(base);
        boolean turned = factors(changing.getFirst(), tensor).embedding()
                || adapters.get(changing.getFirst()).change(tensor) instanceof TensorChange.Transposed;
        return AdapterFold.ofMatrix(turned ? delta.t() : delta, rank);
    }

    private Adapted factors(int adapter, String tensor) {
        return factors(adapters.get(adapter).change(tensor)).orElseThrow();
    }

    private static Optional<Adapted> factors(TensorChange change) {
        return switch (change) {
            case TensorChange.Factors factors -> Optional.of(factors.change());
            case TensorChange.Transposed turned -> factors(turned.change());
            default -> Optional.empty();
        };
    }
}
