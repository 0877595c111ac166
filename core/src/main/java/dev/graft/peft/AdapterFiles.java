package dev.graft.peft;

import dev.graft.autograd.Weight;
import dev.graft.format.AdapterWeights;
import dev.graft.format.AtomicFiles;
import dev.graft.format.FormatException;
import dev.graft.format.SafetensorsWriter;
import dev.graft.peft.Adapters.Adapted;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/// The two files of a PEFT adapter directory.
final class AdapterFiles {
    static final String WEIGHTS = AdapterWeights.PLAIN;
    private static final String PREFIX = AdapterWeights.PREFIX;

    private AdapterFiles() {}

    static void save(Path directory, Lora settings, AdaptedModel model, String baseModel) {
        try {
            Files.createDirectories(directory);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot create " + directory, e);
        }
        try (Scope scope = Scope.open()) {
            List<SafetensorsWriter.Part> parts = new ArrayList<>();
            model.keys.forEach((key, parameter) -> {
                Tensor values = besideItsStart(key, parameter.master(), model)
                        .to(Device.cpu())
                        .contiguous();
                parts.add(new SafetensorsWriter.Part(PREFIX + key, DType.F32, values.shape(), values.memory()));
            });
            SafetensorsWriter.write(directory.resolve(WEIGHTS), parts);
        }
        AtomicFiles.writeString(
                directory.resolve(AdapterWeights.CONFIG),
                AdapterConfigWriter.write(
                        model.starts.isEmpty() ? settings : settings.besideTheirStart(), model, baseModel));
    }

    /// Factors as those of the whole change; other tensors as they are.
    private static Tensor besideItsStart(String key, Tensor values, AdaptedModel model) {
        boolean first = key.endsWith(AdapterWeights.A);
        if (!first && !key.endsWith(AdapterWeights.B)) {
            return values;
        }
        Adapted layer = model.adapted.get(key.substring(0, key.length() - AdapterWeights.A.length()));
        return layer == null ? values : first ? layer.factorA() : layer.factorB(); // stacked factors have no layer
    }

    static void load(Path directory, AdaptedModel model) {
        try (AdapterWeights files = AdapterWeights.open(directory);
                Scope scope = Scope.open()) {
            requireFit(directory, model, files);
            model.keys.forEach((key, parameter) -> parameter.set(files.tensor(PREFIX + key)));
        }
    }

    private static void requireFit(Path directory, AdaptedModel model, AdapterWeights files) {
        Map<String, long[]> shapes = new LinkedHashMap<>();
        model.keys.forEach(
                (key, parameter) -> shapes.put(PREFIX + key, parameter.master().shape()));
        List<String> faults = new ArrayList<>(files.misfits(shapes));
        for (String name : new TreeSet<>(files.names())) {
            if (!shapes.containsKey(name)) {
                Weight table = name.startsWith(PREFIX) ? model.tables.get(name.substring(PREFIX.length())) : null;
                if (table == null) {
                    faults.add(name + ": this model has no such layer");
                } else if (!isCopy(files, name, table)) {
                    faults.add(
                            name
                                    + ": another embedding than this model's (PEFT stored it for save_embedding_layers, or because the vocabulary was resized)");
                }
            }
        }
        if (!faults.isEmpty()) {
            int shown = Math.min(6, faults.size());
            String more = faults.size() > shown ? "\n  … and %d more".formatted(faults.size() - shown) : "";
            throw new FormatException(
                    AdapterWeights.file(directory),
                    "it does not fit this model (%d faults, %d tensors wanted):\n  %s%s\n"
                            .formatted(
                                    faults.size(), shapes.size(), String.join("\n  ", faults.subList(0, shown)), more),
                    "the adapter of the base model it is loaded with",
                    "Load it with the base model it was trained on.");
        }
    }

    /// PEFT stores copies of embeddings that were only adapted; they must say nothing new.
    private static boolean isCopy(AdapterWeights files, String name, Weight table) {
        try (Scope scope = Scope.open()) {
            Tensor own = table.value();
            if (files.entry(name).dtype().isEmpty()
                    || !Arrays.equals(files.entry(name).shape(), own.shape())) {
                return false;
            }
            Tensor other = files.tensor(name).to(own.dtype()).to(own.device());
            return other.sub(own).to(DType.F32).norm() == 0;
        }
    }
}
