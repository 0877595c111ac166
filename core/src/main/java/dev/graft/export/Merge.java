package dev.graft.export;

import dev.graft.format.Safetensors.Entry;
import dev.graft.format.WeightFiles;
import dev.graft.model.Architectures;
import dev.graft.model.LanguageModel;
import dev.graft.nn.LinearFactory;
import dev.graft.peft.Adapters;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

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
        try (WeightFiles files = WeightFiles.open(model);
                LanguageModel base = Architectures.load(model, factory, Device.cpu(), storedType(files))) {
            adapters.load(adapter);
            Sums sums = new Sums();
            Map<String, ModelDirectory.Weight> weights = new LinkedHashMap<>();
            int changed = 0;
            for (String name : files.names()) {
                Entry entry = files.entry(name);
                DType type = saveType.orElse(entry.dtype().orElseThrow());
                String module = name.replaceFirst("\\.weight$", "");
                Adapters.Adapted change = adapters.adapted().get(module);
                if (change != null) {
                    changed++;
                    weights.put(
                            name,
                            new ModelDirectory.Weight(
                                    type, entry.shape(), () -> merged(files, name, change, type, sums)));
                } else if (adapters.saved().containsKey(name)) {
                    changed++;
                    Tensor whole = adapters.saved().get(name).master();
                    weights.put(name, new ModelDirectory.Weight(type, entry.shape(), () -> whole));
                } else {
                    weights.put(name, new ModelDirectory.Weight(type, entry.shape(), () -> stored(files, name)));
                }
            }
            ModelDirectory.write(output, model, weights, saveType.orElse(storedType(files)));
            return new Report(changed, weights.size(), sums.ratio());
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

    private static Tensor merged(WeightFiles files, String name, Adapters.Adapted change, DType type, Sums sums) {
        Tensor exact = stored(files, name).to(DType.F32);
        Tensor delta = change.b().master().mm(change.a().master()).mulInPlace(change.scale());
        Tensor sum = exact.add(delta);
        try (Scope scope = Scope.open()) {
            double lost = sum.to(type).to(DType.F32).sub(sum).norm();
            double wanted = delta.norm();
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
