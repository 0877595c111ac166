package dev.graft.peft;

import dev.graft.autograd.Parameter;
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
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/// The two files of a PEFT adapter directory.
final class AdapterFiles {
    static final String WEIGHTS = "adapter_model.safetensors";
    private static final String PREFIX = "base_model.model.";

    private AdapterFiles() {}

    static void save(Path directory, Adapters adapters, String baseModel) {
        try {
            Files.createDirectories(directory);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot create " + directory, e);
        }
        List<String> names = adapters.adapted().keySet().stream()
                .map(name -> name.substring(name.lastIndexOf('.') + 1))
                .distinct()
                .sorted()
                .toList();
        try (Scope scope = Scope.open()) {
            List<SafetensorsWriter.Part> parts = new ArrayList<>();
            tensors(adapters).forEach((name, parameter) -> {
                Tensor values = parameter.master().to(Device.cpu()).contiguous();
                parts.add(new SafetensorsWriter.Part(name, DType.F32, values.shape(), values.memory()));
            });
            SafetensorsWriter.write(directory.resolve(WEIGHTS), parts);
        }
        AtomicFiles.writeString(
                directory.resolve(AdapterConfig.FILE), AdapterConfig.write(adapters.settings(), names, baseModel));
    }

    static void load(Path directory, Adapters adapters) {
        Map<String, Parameter> expected = tensors(adapters);
        try (WeightFiles files = open(directory);
                Scope scope = Scope.open()) {
            requireFit(directory, expected, files);
            expected.forEach((name, parameter) -> {
                DType dtype = files.entry(name).dtype().orElseThrow();
                Tensor values =
                        Tensor.empty(dtype, Device.cpu(), files.entry(name).shape());
                values.memory().copyFrom(files.data(name));
                parameter.set(values);
            });
        }
    }

    private static WeightFiles open(Path directory) {
        Path file = directory.resolve(WEIGHTS);
        Path pickle = directory.resolve("adapter_model.bin");
        return WeightFiles.openFile(Files.exists(file) || !Files.exists(pickle) ? file : pickle);
    }

    /// All tensors of the file by their keys in it.
    private static Map<String, Parameter> tensors(Adapters adapters) {
        Map<String, Parameter> tensors = new LinkedHashMap<>();
        adapters.adapted().forEach((name, change) -> {
            tensors.put(PREFIX + name + ".lora_A.weight", change.a());
            tensors.put(PREFIX + name + ".lora_B.weight", change.b());
        });
        adapters.saved().forEach((name, parameter) -> tensors.put(PREFIX + name, parameter));
        return tensors;
    }

    private static void requireFit(Path directory, Map<String, Parameter> expected, WeightFiles files) {
        Map<String, long[]> shapes = new LinkedHashMap<>();
        expected.forEach(
                (name, parameter) -> shapes.put(name, parameter.master().shape()));
        List<String> faults = new ArrayList<>(files.misfits(shapes));
        for (String name : new TreeSet<>(files.names())) {
            if (!expected.containsKey(name)) {
                faults.add(name + ": this model has no such layer");
            }
        }
        if (!faults.isEmpty()) {
            int shown = Math.min(6, faults.size());
            String more = faults.size() > shown ? "\n  … and %d more".formatted(faults.size() - shown) : "";
            throw new FormatException(
                    directory.resolve(WEIGHTS),
                    "it does not fit this model (%d faults, %d tensors wanted):\n  %s%s\n"
                            .formatted(
                                    faults.size(),
                                    expected.size(),
                                    String.join("\n  ", faults.subList(0, shown)),
                                    more),
                    "the adapter of the base model it is loaded with",
                    "Load it with the base model it was trained on.");
        }
    }
}
