package dev.graft.model;

import dev.graft.format.PackedWeights;
import dev.graft.format.Safetensors.Entry;
import dev.graft.format.WeightFiles;
import dev.graft.tensor.Packed;
import dev.graft.tensor.Tensor;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;

/// A Hugging Face folder: `config.json` and safetensors, named and cut as the architecture describes them,
/// which are opened when first asked for, so that a configuration Graft cannot run is refused before weights
/// are looked at.
final class HubFolder implements ModelSource {
    private final Path folder;
    private final ModelConfig config;
    private WeightFiles files;
    private PackedWeights weights;

    HubFolder(Path folder) {
        this.folder = folder;
        this.config = ModelConfig.read(folder);
    }

    private PackedWeights weights() {
        if (weights == null) {
            WeightFiles stored = WeightFiles.open(folder);
            files = config.text("model_type")
                    .flatMap(Architectures::find)
                    .map(architecture -> architecture.published(stored))
                    .orElse(stored);
            weights = PackedWeights.of(folder, files, config.json());
        }
        return weights;
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
        return weights().names();
    }

    @Override
    public Entry entry(String name) {
        return weights().entry(name);
    }

    @Override
    public Tensor stored(String name) {
        return weights().tensor(name);
    }

    @Override
    public Optional<Packed> packed(String name) {
        return weights().packed(name);
    }

    @Override
    public void close() {
        if (files != null) {
            files.close();
        }
    }
}
