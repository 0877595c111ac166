package dev.graft.export;

import dev.graft.model.Architectures;
import dev.graft.model.LanguageModel;
import dev.graft.nn.LinearFactory;
import dev.graft.peft.Adapters;
import dev.graft.peft.Adapters.ChangedTensor;
import dev.graft.peft.TensorChange;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Tensor;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/// An adapter on its base model, which stays in its files; computes in float32.
final class OpenedAdapter implements AutoCloseable {
    private final Path directory;
    private final Adapters adapters;
    private final LanguageModel model;
    private final Map<String, ChangedTensor> changes = new LinkedHashMap<>();

    private OpenedAdapter(Path directory, Adapters adapters, LanguageModel model) {
        this.directory = directory;
        this.adapters = adapters;
        this.model = model;
        adapters.changes().forEach(changed -> changes.put(changed.name(), changed));
    }

    static OpenedAdapter open(Path base, Path directory) {
        Adapters adapters = Adapters.read(directory);
        LinearFactory factory = adapters.over(LinearFactory.streamed((tensor, source) -> source.computed(tensor)));
        LanguageModel model = Architectures.load(base, factory, Device.cpu(), DType.F32);
        try {
            adapters.load(directory);
            return new OpenedAdapter(directory, adapters, model);
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

    /// The tensors it changes, by their names in the merged model.
    Map<String, ChangedTensor> changes() {
        return Collections.unmodifiableMap(changes);
    }

    TensorChange change(String tensor) {
        return changes.get(tensor).change();
    }

    /// Whether it brings values of its own for the tensor, or for rows of it, instead of something to add.
    boolean replaces(String tensor) {
        return switch (change(tensor)) {
            case TensorChange.Whole _, TensorChange.Rows _ -> true;
            case TensorChange.Bias bias -> bias.trained().isPresent();
            case TensorChange.Factors _, TensorChange.Added _, TensorChange.Transposed _, TensorChange.None _ -> false;
        };
    }

    /// Whether some rows of the tensor can be asked for without computing all of them.
    boolean goesByRows(String tensor) {
        return !(change(tensor) instanceof TensorChange.Transposed) && !(change(tensor) instanceof TensorChange.Added);
    }

    /// `ΔW` of some rows of a tensor.
    ///
    /// @param base the base's, float32
    /// @param from number of the first row
    /// @return     float32 and contiguous; may be changed
    Tensor delta(String tensor, Tensor base, long from) {
        Tensor delta = change(tensor).delta(base, from);
        return change(tensor) instanceof TensorChange.Added ? delta.copy() : delta.contiguous();
    }

    @Override
    public void close() {
        model.close();
    }
}
