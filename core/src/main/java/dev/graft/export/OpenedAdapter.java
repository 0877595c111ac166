package dev.graft.export;

import dev.graft.autograd.Parameter;
import dev.graft.model.Architectures;
import dev.graft.model.LanguageModel;
import dev.graft.nn.LinearFactory;
import dev.graft.nn.NamedTensors;
import dev.graft.peft.Adapters;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Tensor;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.Optional;
import java.util.Set;

/// An adapter on its base model, which stays in its files; computes in float32.
final class OpenedAdapter implements AutoCloseable {
    private final Path directory;
    private final Adapters adapters;
    private final LanguageModel model;

    private OpenedAdapter(Path directory, Adapters adapters, LanguageModel model) {
        this.directory = directory;
        this.adapters = adapters;
        this.model = model;
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

    /// Names of the tensors it changes.
    Set<String> changed() {
        Set<String> names = new LinkedHashSet<>(adapters.saved().keySet());
        adapters.adapted().keySet().forEach(module -> names.add(module + ".weight"));
        return names;
    }

    /// The tensor it has instead of the base's, float32.
    Optional<Tensor> whole(String tensor) {
        return Optional.ofNullable(adapters.saved().get(tensor)).map(Parameter::master);
    }

    /// `ΔW` of some rows of a tensor.
    ///
    /// @param base these rows of the base's, float32
    /// @param from number of the first row
    /// @return     float32, of the shape of `base`; may be changed
    Tensor delta(String tensor, Tensor base, long from) {
        Optional<Tensor> whole = whole(tensor);
        if (whole.isPresent()) {
            return whole.get().narrow(0, from, base.size(0)).sub(base);
        }
        Adapters.Adapted change = adapters.adapted().get(tensor.replaceFirst("\\.weight$", ""));
        return change.b()
                .master()
                .narrow(0, from, base.size(0))
                .mm(change.a().master())
                .mulInPlace(change.scale());
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
