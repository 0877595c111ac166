package dev.graft.export;

import dev.graft.format.AtomicFiles;
import dev.graft.format.Safetensors.Entry;
import dev.graft.model.Architectures;
import dev.graft.model.FileTensors;
import dev.graft.model.LanguageModel;
import dev.graft.model.ModelSource;
import dev.graft.nn.LinearFactory;
import dev.graft.nn.NamedTensors;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// Folds adapters into their base: `W' = W + ΔW`, computed in float32 and rounded once to the type it is saved in.
///
/// The base stays in its files and is read tensor by tensor. Of a tensor that an adapter changes, the result is in
/// memory in the type it is saved in, and some rows at a time in float32; methods that look at a whole change at once
/// hold one per adapter.
///
/// ```java
/// try (Merge merge = Merge.open(base, List.of(adapter), MergeSettings.plain(Optional.empty()))) {
///     AtomicFiles.directory(output, folder -> merge.write(folder));
/// }
/// ```
public final class Merge implements AutoCloseable {
    /// Elements that are in memory in float32 at a time.
    private static final long BLOCK = 1 << 22;

    private final Path model;
    private final MergeSettings settings;
    private final Combination combination;
    private final ModelSource files;
    private final List<OpenedAdapter> adapters;
    private LanguageModel reference;

    private Merge(Path model, MergeSettings settings, ModelSource files, List<OpenedAdapter> adapters) {
        this.model = model;
        this.settings = settings;
        this.combination = new Combination(settings);
        this.files = files;
        this.adapters = adapters;
    }

    /// Reads the adapters and checks that they fit the base and each other.
    ///
    /// @param model    directory of the base model
    /// @param adapters PEFT adapter directories, a weight for each in the settings
    public static Merge open(Path model, List<Path> adapters, MergeSettings settings) {
        if (adapters.isEmpty() || adapters.size() != settings.weights().size()) {
            throw new IllegalArgumentException("%d adapters and %d weights; expected one weight for each adapter"
                    .formatted(adapters.size(), settings.weights().size()));
        }
        List<OpenedAdapter> opened = new ArrayList<>();
        ModelSource files = ModelSource.open(model);
        try {
            adapters.forEach(adapter -> opened.add(OpenedAdapter.open(model, adapter)));
            requireNoConflict(opened);
            return new Merge(model, settings, files, opened);
        } catch (RuntimeException | Error e) {
            opened.forEach(OpenedAdapter::close);
            files.close();
            throw e;
        }
    }

    /// Folds one adapter into its base and writes the model.
    ///
    /// @param output   folder to create
    /// @param saveType type of the saved weights; empty keeps each tensor's own
    public static MergeReport run(Path model, Path adapter, Path output, Optional<DType> saveType) {
        try (Merge merge = open(model, List.of(adapter), MergeSettings.plain(saveType))) {
            MergeReport[] report = new MergeReport[1];
            AtomicFiles.directory(output, folder -> report[0] = merge.write(folder));
            return report[0];
        }
    }

    /// A tensor that two adapters replace has no sum.
    private static void requireNoConflict(List<OpenedAdapter> adapters) {
        Map<String, Path> replaced = new LinkedHashMap<>();
        List<String> faults = new ArrayList<>();
        for (OpenedAdapter adapter : adapters) {
            for (String tensor : adapter.adapters().saved().keySet()) {
                Path other = replaced.putIfAbsent(tensor, adapter.directory());
                if (other != null) {
                    faults.add("%s: %s and %s".formatted(tensor, other, adapter.directory()));
                }
            }
        }
        if (!faults.isEmpty()) {
            throw new IllegalArgumentException(
                    "these adapters each bring a tensor of their own for the same place (modules_to_save), and two whole tensors do not add up:\n  %s\nMerge one of them alone, or train one with the other's."
                            .formatted(String.join("\n  ", faults)));
        }
    }

    /// Writes the merged model into an empty folder.
    public MergeReport write(Path folder) {
        List<MergedTensor> layers = new ArrayList<>();
        Retyping retyping = new Retyping();
        Map<String, ModelDirectory.Weight> weights = new LinkedHashMap<>();
        NamedTensors source = new FileTensors(files, Device.cpu(), DType.F32);
        for (String name : files.names()) {
            Entry entry = files.entry(name);
            DType stored = entry.dtype().orElseThrow();
            DType type = stored.isFloating() ? settings.saveType().orElse(stored) : stored;
            weights.put(
                    name,
                    new ModelDirectory.Weight(
                            type,
                            entry.shape(),
                            changing(name).isEmpty()
                                    ? () -> retyping.add(source.stored(name), type)
                                    : () -> merged(name, source, type, layers)));
        }
        ModelDirectory.fill(folder, model, weights, settings.saveType().orElse(storedType(files)));
        return new MergeReport(layers, weights.size(), retyping.tensors, retyping.error());
    }

    /// The model that the merged one stands for, computed in float32 from weights that stay in their files: base and
    /// adapter as they run where there is one adapter, otherwise the merged weights before rounding.
    ///
    /// @return belongs to this merge, which closes it
    public LanguageModel reference() {
        if (settings.isPlain()) {
            return adapters.getFirst().model();
        }
        if (reference == null) {
            reference = Architectures.load(model, LinearFactory.streamed(this::exact), Device.cpu(), DType.F32);
        }
        return reference;
    }

    /// A model in float32 whose weights stay in their files.
    public static LanguageModel streamed(Path model) {
        LinearFactory streamed = LinearFactory.streamed((tensor, source) -> source.computed(tensor));
        return Architectures.load(model, streamed, Device.cpu(), DType.F32);
    }

    private List<OpenedAdapter> changing(String tensor) {
        return adapters.stream()
                .filter(adapter -> adapter.changed().contains(tensor))
                .toList();
    }

    private Tensor exact(String tensor, NamedTensors source) {
        Tensor base = OpenedAdapter.base(tensor, source);
        return changing(tensor).isEmpty() ? base : base.add(new Change(tensor, base).rows(base, 0));
    }

    private Tensor merged(String name, NamedTensors source, DType type, List<MergedTensor> layers) {
        Tensor stored = source.stored(name);
        Tensor result = Tensor.empty(type, Device.cpu(), stored.shape());
        MergedTensor.Sums sums = new MergedTensor.Sums(name, type);
        Change change = new Change(name, stored);
        long rows = Math.max(1, BLOCK / Math.max(1, stored.elements() / stored.size(0)));
        for (long next = 0; next < stored.size(0); next += rows) {
            long from = next;
            long count = Math.min(rows, stored.size(0) - from);
            try (Scope scope = Scope.open()) {
                Tensor base = stored.narrow(0, from, count).to(DType.F32);
                Tensor delta = change.rows(base, from);
                Tensor saved = change.replacement()
                        .map(whole -> whole.narrow(0, from, count))
                        .orElseGet(() -> base.add(delta))
                        .to(type);
                sums.add(base, delta, saved.to(DType.F32), base.to(type).to(DType.F32));
                result.narrow(0, from, count).copyInPlace(saved);
            }
        }
        layers.add(sums.result());
        return result;
    }

    /// Type of the largest tensor.
    private static DType storedType(ModelSource files) {
        return files.names().stream()
                .map(files::entry)
                .max(Comparator.comparingLong(Entry::bytes))
                .flatMap(Entry::dtype)
                .orElseThrow();
    }

    @Override
    public void close() {
        if (reference != null) {
            reference.close();
        }
        adapters.forEach(OpenedAdapter::close);
        files.close();
    }

    /// `ΔW` of one tensor by all adapters together.
    private final class Change {
        private final String tensor;
        private final List<OpenedAdapter> changing;
        /// Of methods that need all rows at once.
        private final Optional<Tensor> combined;

        Change(String tensor, Tensor stored) {
            this.tensor = tensor;
            this.changing = changing(tensor);
            // a tensor that is brought whole is weighted, but not thinned out
            this.combined = settings.method() == MergeMethod.LINEAR || whole().isPresent()
                    ? Optional.empty()
                    : Optional.of(Scope.local(() -> combined(stored.to(DType.F32))));
        }

        private Optional<OpenedAdapter> whole() {
            return changing.stream()
                    .filter(adapter -> adapter.whole(tensor).isPresent())
                    .findFirst();
        }

        private double weight(OpenedAdapter adapter) {
            return settings.weights().get(adapters.indexOf(adapter));
        }

        /// The tensor that comes instead of the base's, exactly; `W + ΔW` would round it.
        Optional<Tensor> replacement() {
            return whole().filter(adapter -> changing.size() == 1 && weight(adapter) == 1)
                    .flatMap(adapter -> adapter.whole(tensor));
        }

        private Tensor combined(Tensor base) {
            List<Combination.Change> changes = new ArrayList<>();
            for (OpenedAdapter adapter : changing) {
                changes.add(new Combination.Change(adapters.indexOf(adapter), adapter.delta(tensor, base, 0)));
            }
            return combination.of(tensor, changes);
        }

        Tensor rows(Tensor base, long from) {
            if (combined.isPresent()) {
                return combined.get().narrow(0, from, base.size(0));
            }
            Tensor sum = null;
            for (OpenedAdapter adapter : changing) {
                Tensor delta = adapter.delta(tensor, base, from).mulInPlace(weight(adapter));
                sum = sum == null ? delta : sum.addInPlace(delta);
            }
            return sum;
        }
    }

    /// What rounding does to tensors that no adapter changes.
    private static final class Retyping {
        private int tensors;
        private double lost;
        private double all;

        Tensor add(Tensor stored, DType type) {
            if (stored.dtype() == type) {
                return stored;
            }
            Tensor result = stored.to(type);
            try (Scope scope = Scope.open()) {
                Tensor exact = stored.to(DType.F32);
                double error = result.to(DType.F32).sub(exact).norm();
                double norm = exact.norm();
                lost += error * error;
                all += norm * norm;
                tensors++;
            }
            return result;
        }

        double error() {
            return all == 0 ? 0 : Math.sqrt(lost / all);
        }
    }
}
