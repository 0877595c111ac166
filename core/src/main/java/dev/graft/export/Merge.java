package dev.graft.export;

import dev.graft.format.Safetensors.Entry;
import dev.graft.format.WeightFiles;
import dev.graft.model.Architectures;
import dev.graft.model.LanguageModel;
import dev.graft.model.ModelConfig;
import dev.graft.nn.LinearFactory;
import dev.graft.peft.Adapters;
import dev.graft.peft.TensorChange;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/// Folds an adapter into its base: `W' = W + s·B·A`, computed in float32 and rounded once to the type it is
/// saved in.
public final class Merge {
    private Merge() {}

    /// What a merge did.
    ///
    /// @param changed        tensors that the adapter changed
    /// @param tensors        tensors written
    /// @param roundingError  `‖W' saved − W' exact‖ / ‖ΔW‖` over all changed tensors: how much of the change
    ///                       rounding ate
    public record Report(int changed, int tensors, double roundingError) {}

    /// @param model    directory of the base model
    /// @param adapter  PEFT adapter directory
    /// @param output   folder to create
    /// @param saveType type of the saved weights; empty keeps each tensor's own
    public static Report run(Path model, Path adapter, Path output, Optional<DType> saveType) {
        Adapters adapters = Adapters.read(adapter);
        LinearFactory factory = adapters.over(LinearFactory.frozen());
        try (WeightFiles files = Architectures.weights(model, ModelConfig.read(model));
                LanguageModel base = Architectures.load(model, factory, Device.cpu(), storedType(files))) {
            adapters.load(adapter);
            Sums sums = new Sums();
            Map<String, ModelDirectory.Weight> weights = new LinkedHashMap<>();
            Map<String, TensorChange> changes = changes(adapters, files);
            for (String name : files.names()) {
                Entry entry = files.entry(name);
                DType type = saveType.orElse(entry.dtype().orElseThrow());
                TensorChange change = changes.get(name);
                Supplier<Tensor> values =
                        change == null ? () -> stored(files, name) : () -> merged(files, name, change, type, sums);
                weights.put(name, new ModelDirectory.Weight(type, entry.shape(), values));
            }
            ModelDirectory.write(output, model, weights, saveType.orElse(storedType(files)));
            return new Report(changes.size(), weights.size(), sums.ratio());
        }
    }

    /// Type of the largest tensor; loaded in it, the base stays in its files.
    private static DType storedType(WeightFiles files) {
        return files.names().stream()
                .map(files::entry)
                .max(Comparator.comparingLong(Entry::bytes))
                .flatMap(Entry::dtype)
                .orElseThrow();
    }

    private static Tensor stored(WeightFiles files, String name) {
        Entry entry = files.entry(name);
        Tensor copy = Tensor.empty(entry.dtype().orElseThrow(), Device.cpu(), entry.shape());
        copy.memory().copyFrom(files.data(name));
        return copy;
    }

    /// What changes, by tensor of the base's files.
    private static Map<String, TensorChange> changes(Adapters adapters, WeightFiles files) {
        Map<String, TensorChange> changes = new LinkedHashMap<>();
        for (Adapters.ChangedTensor changed : adapters.changes()) {
            if (!changed.name().equals(changed.base())) {
                throw new IllegalArgumentException(
                        "this adapter changes the embedding or the head of a model in which both share one table, so %s would need values of its own; such an adapter cannot be merged"
                                .formatted(changed.name()));
            }
            if (!files.names().contains(changed.name())) {
                throw new IllegalArgumentException(
                        "%s: the base model has no such bias to which that of the adapter (lora_bias) could be added; such an adapter cannot be merged"
                                .formatted(changed.name()));
            }
            changes.put(changed.name(), changed.change());
        }
        return changes;
    }

    private static Tensor merged(WeightFiles files, String name, TensorChange change, DType type, Sums sums) {
        Tensor base = stored(files, name);
        Tensor sum = change.merged(base);
        try (Scope scope = Scope.open()) {
            double lost = sum.to(type).to(DType.F32).sub(sum).norm();
            double wanted = change.delta(base).norm();
            sums.lost += lost * lost;
            sums.wanted += wanted * wanted;
        }
        return sum;
    }

    private static final class Sums {
        private double lost;
        private double wanted;

        double ratio() {
            return wanted == 0 ? 0 : Math.sqrt(lost / wanted);
        }
    }
}
