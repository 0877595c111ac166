package dev.graft.model;

import dev.graft.format.Safetensors.Entry;
import dev.graft.format.WeightFiles;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// A Hugging Face folder: `config.json` and safetensors, named and cut as the architecture describes them, which are
/// opened when first asked for, so that a configuration
/// Graft cannot run is refused before weights are looked at.
final class HubFolder implements ModelSource {
    private final Path folder;
    private final ModelConfig config;
    private WeightFiles files;

    HubFolder(Path folder) {
        this.folder = folder;
        this.config = ModelConfig.read(folder);
    }

    private WeightFiles files() {
        if (files == null) {
            WeightFiles stored = WeightFiles.open(folder);
            files = config.text("model_type")
                    .flatMap(Architectures::find)
                    .map(architecture -> architecture.published(stored))
                    .orElse(stored);
        }
        return files;
    }

    @Override
    public Path path() {
        return folder;
    }

    @Override
    public ModelConfig config() {
        return config;
    }

    @Override
    public Set<String> names() {
        return files().names();
    }

    @Override
    public Entry entry(String name) {
        return files().entry(name);
    }

    @Override
    public Tensor stored(String name) {
        Entry entry = files().entry(name);
        MemorySegment data = files().data(name); // refuses types Graft cannot compute with
        DType dtype = entry.dtype().orElseThrow();
        if (data.address() % dtype.bytes() == 0) {
            return Tensor.over(data, dtype, entry.shape());
        }
        Tensor copy = Tensor.empty(dtype, Device.cpu(), entry.shape()); // old writers did not align
        copy.memory().copyFrom(data);
        return copy;
    }

    @Override
    public List<String> misfits(Map<String, long[]> expected) {
        return files().misfits(expected);
    }

    @Override
    public void close() {
        if (files != null) {
            files.close();
        }
    }
}
