package dev.graft.export;

import dev.graft.model.Architectures;
import dev.graft.model.LanguageModel;
import dev.graft.nn.LinearFactory;
import dev.graft.nn.NamedTensors;
import dev.graft.peft.Adapters;
import dev.graft.peft.TensorChange;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Tensor;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// An adapter on its base model, which stays in its files; computes in float32.
final class OpenedAdapter implements AutoCloseable {
    private final Path directory;
    private final Adapters adapters;
    private final LanguageModel model;

    private final Map<String, TensorChange> changes;

    private OpenedAdapter(Path directory, Adapters adapters, LanguageModel model, Map<String, TensorChange> changes) {
        this.changes = changes;
        this.directory = directory;
        this.adapters = adapters;
        this.model = model;
    }

    /// @param tensors names of those in the base's files
    static OpenedAdapter open(Path base, Set<String> tensors, Path directory) {
        Adapters adapters = Adapters.read(directory);
        LinearFactory factory = adapters.over(LinearFactory.streamed((tensor, source) -> source.computed(tensor)));
        LanguageModel model = Architectures.load(base, factory, Device.cpu(), DType.F32);
        try {
            adapters.load(directory);
            return new OpenedAdapter(directory, adapters, model, changes(adapters, tensors));
        } catch (RuntimeException | Error e) {
            model.close();
            throw e;
        }
    }

    Path directory() {
        return directory;
    }

    Adapters adapters() {
        return adapters;
    }

    /// Base and adapter as they run.
    LanguageModel model() {
        return model;
    }

    /// What changes, by tensor of the base's files.
    private static Map<String, TensorChange> changes(Adapters adapters, Set<String> tensors) {
        Map<String, TensorChange> changes = new LinkedHashMap<>();
        for (Adapters.ChangedTensor changed : adapters.changes()) {
            if (!changed.name().equals(changed.base())) {
                throw new IllegalArgumentException(
                        "this adapter changes the embedding or the head of a model in which both share one table, so %s would need values of its own; such an adapter cannot be merged"
                                .formatted(changed.name()));
            }
            if (!tensors.contains(changed.name())) {
                throw new IllegalArgumentException(
                        "%s: the base model has no such bias to which that of the adapter (lora_bias) could be added; such an adapter cannot be merged"
                                .formatted(changed.name()));
            }
            changes.put(changed.name(), changed.change());
        }
        return changes;
    }

    /// Names of the tensors it changes.
    Set<String> changed() {
        return changes.keySet();
    }

    /// The tensor it has instead of the base's, float32.
    Optional<Tensor> whole(String tensor) {
        return Optional.ofNullable(changes.get(tensor)).flatMap(TensorChange::whole);
    }

    /// `ΔW` of some rows of a tensor.
    ///
    /// @param base these rows of the base's, float32
    /// @param from number of the first row
    /// @return     float32, of the shape of `base`; may be changed
    Tensor delta(String tensor, Tensor base, long from) {
        return changes.get(tensor).delta(base, from);
    }

    /// The tensor of the base, without the adapter.
    static Tensor base(String tensor, NamedTensors source) {
        return source.stored(tensor).to(DType.F32);
    }

    @Override
    public void close() {
        model.close();
    }
}
