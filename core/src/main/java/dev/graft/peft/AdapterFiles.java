package dev.graft.peft;

import dev.graft.autograd.Weight;
import dev.graft.format.AtomicFiles;
import dev.graft.format.FormatException;
import dev.graft.format.SafetensorsWriter;
import dev.graft.format.WeightFiles;
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
    static final String WEIGHTS = "adapter_model.safetensors";
    static final String PICKLE = "adapter_model.bin";
    private static final String PREFIX = "base_model.model.";

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
                directory.resolve(AdapterConfigReader.FILE),
                AdapterConfigWriter.write(
                        model.starts.isEmpty() ? settings : settings.besideTheirStart(), model, baseModel));
    }

    /// `[A; A₀]` and `[B, −B₀]`, whose product is `B·A − B₀·A₀`; other tensors as they are.
    private static Tensor besideItsStart(String key, Tensor values, AdaptedModel model) {
        for (String factor : List.of(".lora_A.weight", ".lora_B.weight")) {
            StartingFactors start =
                    key.endsWith(factor) ? model.starts.get(key.substring(0, key.length() - factor.length())) : null;
            if (start != null) {
                return factor.contains("_A")
                        ? Tensor.cat(List.of(values, start.a()), 0)
                        : Tensor.cat(List.of(values, start.b().neg()), 1);
            }
        }
        return values;
    }

    static void load(Path directory, AdaptedModel model) {
        try (WeightFiles files = open(directory);
                Scope scope = Scope.open()) {
            requireFit(directory, model, files);
            model.keys.forEach((key, parameter) -> parameter.set(stored(files, PREFIX + key)));
        }
    }

    private static Tensor stored(WeightFiles files, String name) {
        DType dtype = files.entry(name).dtype().orElseThrow();
        Tensor values = Tensor.empty(dtype, Device.cpu(), files.entry(name).shape());
        values.memory().copyFrom(files.data(name));
        return values;
    }

    private static WeightFiles open(Path directory) {
        Path file = directory.resolve(WEIGHTS);
        Path pickle = directory.resolve(PICKLE);
        if (!Files.exists(file) && Files.exists(pickle)) {
            throw pickled(pickle);
        }
        return WeightFiles.openFile(file);
    }

    /// Why a pickle stays closed, and how to turn it into what can be read.
    static FormatException pickled(Path pickle) {
        return new FormatException(
                pickle, "it is a Python pickle, which may run any program when it is opened", WEIGHTS, """
                Where you trust it, convert it once in Python:
                  import torch, safetensors.torch as s
                  s.save_file({k: v.contiguous() for k, v in torch.load("%s", weights_only=True).items()}, "%s")\
                """.formatted(
                                PICKLE, WEIGHTS));
    }

    private static void requireFit(Path directory, AdaptedModel model, WeightFiles files) {
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
                    directory.resolve(WEIGHTS),
                    "it does not fit this model (%d faults, %d tensors wanted):\n  %s%s\n"
                            .formatted(
                                    faults.size(), shapes.size(), String.join("\n  ", faults.subList(0, shown)), more),
                    "the adapter of the base model it is loaded with",
                    "Load it with the base model it was trained on.");
        }
    }

    /// PEFT stores copies of embeddings that were only adapted; they must say nothing new.
    private static boolean isCopy(WeightFiles files, String name, Weight table) {
        try (Scope scope = Scope.open()) {
            Tensor own = table.value();
            if (files.entry(name).dtype().isEmpty()
                    || !Arrays.equals(files.entry(name).shape(), own.shape())) {
                return false;
            }
            Tensor other = stored(files, name).to(own.dtype()).to(own.device());
            return other.sub(own).to(DType.F32).norm() == 0;
        }
    }
}
