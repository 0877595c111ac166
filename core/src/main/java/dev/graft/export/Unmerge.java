package dev.graft.export;

import dev.graft.format.AtomicFiles;
import dev.graft.format.FormatException;
import dev.graft.format.Safetensors.Entry;
import dev.graft.format.WeightHash;
import dev.graft.model.ModelSource;
import dev.graft.tensor.DType;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// Gives a merged model's base back: bit for bit where the merge kept what it took away, otherwise by
/// subtraction.
public final class Unmerge {
    /// Relative error that a product of factors in float32 may have from one run to the next.
    private static final double PRODUCT_ERROR = 0x1p-22;

    private Unmerge() {}

    /// What subtraction leaves uncertain.
    ///
    /// @param changed       tensors that were subtracted from
    /// @param expectedError expected `‖restored − W‖ / ‖ΔW‖`, from the steps of the type: what the merge
    ///                      rounded away where `W + ΔW` is in coarser steps than `W`
    public record Report(int changed, double expectedError) {}

    /// Whether the folder holds what [#exactly] needs.
    public static boolean isKept(Path merged) {
        return Files.exists(merged.resolve(KeptDelta.FILE));
    }

    /// Writes the base of a model that was merged with its delta kept, and checks it by its hash.
    ///
    /// @param output folder to create
    public static void exactly(Path merged, Path output) {
        try (ModelSource files = ModelSource.open(merged);
                KeptDelta.Reader kept = new KeptDelta.Reader(merged)) {
            Map<String, ModelDirectory.Weight> weights = new LinkedHashMap<>();
            for (String name : files.names()) {
                if (!kept.isAdded(name)) {
                    Entry entry = files.entry(name);
                    DType type = kept.type(name, entry.dtype().orElseThrow());
                    weights.put(
                            name,
                            new ModelDirectory.Weight(
                                    type, entry.shape(), () -> kept.restored(name, files.stored(name))));
                }
            }
            AtomicFiles.directory(output, folder -> {
                ModelDirectory.fill(folder, merged, weights, DType.F32, false);
                AtomicFiles.writeString(folder.resolve("config.json"), kept.baseConfig());
                String found = WeightHash.of(folder);
                if (!found.equals(kept.weights())) {
                    throw new FormatException(
                            merged,
                            "what comes back has the hash " + found,
                            "that of the base, " + kept.weights(),
                            "The merged weights or %s were changed since; take the base from where it came."
                                    .formatted(KeptDelta.FILE));
                }
            });
        }
    }

    /// Subtracts the changes of adapters from a merged model.
    ///
    /// @param adapters that were merged, with their weights
    /// @param output   folder to create
    public static Report bySubtraction(Path merged, List<Path> adapters, List<Double> weights, Path output) {
        List<Double> negated = weights.stream().map(weight -> -weight).toList();
        MergeSettings settings = MergeSettings.linear(negated, Optional.empty());
        try (Merge merge = Merge.open(merged, adapters, settings)) {
            List<String> lost = merge.notProducts();
            if (!lost.isEmpty()) {
                throw new IllegalArgumentException(
                        "these tensors were replaced or rescaled (%s), and what they were is nowhere in the adapter; only a merge with --keep-delta can be undone here"
                                .formatted(String.join(", ", lost)));
            }
            List<Report> report = new ArrayList<>();
            AtomicFiles.directory(output, folder -> report.add(report(merge.write(folder), merged, folder)));
            return report.getFirst();
        }
    }

    private static Report report(MergeReport written, Path merged, Path restored) {
        double sum = 0;
        try (ModelSource before = ModelSource.open(merged);
                ModelSource after = ModelSource.open(restored)) {
            for (MergedTensor layer : written.layers()) {
                try (Scope scope = Scope.open()) {
                    sum += expectedSquare(before.stored(layer.name()), after.stored(layer.name()));
                }
            }
        }
        double delta = written.deltaNorm();
        return new Report(written.changed(), delta == 0 ? 0 : Math.hypot(Math.sqrt(sum) / delta, PRODUCT_ERROR));
    }

    /// An element that the merge rounded in steps no larger than those it had before falls back into its
    /// place; one that moved to where steps are larger is off by such a step over √12 on average.
    private static double expectedSquare(Tensor merged, Tensor restored) {
        MemorySegment before = merged.to(DType.F32).memory();
        MemorySegment after = restored.to(DType.F32).memory();
        double sum = 0;
        for (long i = 0; i < merged.elements(); i++) {
            double step = step(before.getAtIndex(ValueLayout.JAVA_FLOAT, i), merged.dtype());
            if (step > step(after.getAtIndex(ValueLayout.JAVA_FLOAT, i), merged.dtype())) {
                sum += step * step / 12;
            }
        }
        return sum;
    }

    /// Distance to the next number of a type.
    private static double step(float value, DType type) {
        int smallest = type == DType.F16 ? -14 : Float.MIN_EXPONENT;
        return Math.scalb(1.0, Math.max(smallest, Math.getExponent(value)) - mantissaBits(type));
    }

    private static int mantissaBits(DType type) {
        return switch (type) {
            case BF16 -> 7;
            case F16 -> 10;
            default -> 23;
        };
    }
}
