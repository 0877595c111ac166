package dev.graft.format;

import dev.graft.format.Safetensors.Entry;
import dev.graft.tensor.DType;
import dev.graft.tensor.Tensor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// The tensors of an adapter's folder: PEFT's `adapter_model.safetensors`, or Graft's
/// `adapter_model.quantised.safetensors`, in which factors are packed as bitsandbytes packs weights.
/// PEFT looks for the first name, so that it stops at the second instead of loading a part.
public final class AdapterWeights implements AutoCloseable {
    public static final String PLAIN = WeightFiles.ADAPTER;
    public static final String QUANTISED = "adapter_model.quantised.safetensors";
    /// The settings beside the tensors.
    public static final String CONFIG = "adapter_config.json";
    /// How PEFT's name of every tensor begins, before that of the module.
    public static final String PREFIX = "base_model.model.";
    /// How the name of a linear layer's first factor ends, behind that of the module.
    public static final String A = ".lora_A.weight";
    /// The same of the second; as long as [#A].
    public static final String B = ".lora_B.weight";

    private static final String PICKLE = "adapter_model.bin";

    private final WeightFiles files;
    private final PackedWeights weights;

    private AdapterWeights(Path file) {
        this.files = WeightFiles.openFile(file);
        try {
            this.weights = PackedWeights.of(file, files, DType.F32);
        } catch (RuntimeException | Error e) {
            files.close();
            throw e;
        }
    }

    /// Whether a path is the folder of an adapter and not of a model.
    public static boolean isFolder(Path path) {
        return Files.exists(path.resolve(CONFIG)) && !Files.exists(path.resolve("config.json"));
    }

    /// The file of a folder that holds the tensors.
    public static Path file(Path directory) {
        Path quantised = directory.resolve(QUANTISED);
        Path plain = directory.resolve(PLAIN);
        if (!Files.exists(quantised)) {
            return plain;
        }
        if (Files.exists(plain)) {
            throw new FormatException(
                    directory,
                    "there are both %s and %s".formatted(PLAIN, QUANTISED),
                    "one of them",
                    "Remove the one that is not meant.");
        }
        return quantised;
    }

    /// @throws FormatException when there is no such file, or it is damaged, or only a pickle
    public static AdapterWeights open(Path directory) {
        Path file = file(directory);
        Path pickle = directory.resolve(PICKLE);
        if (!Files.exists(file) && Files.exists(pickle)) {
            throw Pickle.refusal(pickle);
        }
        return new AdapterWeights(file);
    }

    /// Names of all tensors; a factor that is packed is one.
    public Set<String> names() {
        return weights.names();
    }

    /// What a tensor is; the bytes of one that is packed are those it takes packed.
    public Entry entry(String name) {
        return weights.entry(name);
    }

    /// The numbers of a tensor; belongs to the current scope, its memory to the file where it is not packed.
    public Tensor tensor(String name) {
        return weights.tensor(name);
    }

    /// As [WeightFiles#misfits].
    public List<String> misfits(Map<String, long[]> expected) {
        return WeightFiles.misfits(expected, names(), this::entry);
    }

    @Override
    public void close() {
        files.close();
    }
}
