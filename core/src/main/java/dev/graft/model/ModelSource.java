package dev.graft.model;

import dev.graft.format.FormatException;
import dev.graft.format.Gguf;
import dev.graft.format.Llama2c;
import dev.graft.format.Safetensors.Entry;
import dev.graft.format.WeightFiles;
import dev.graft.model.gguf.GgufModel;
import dev.graft.tensor.DType;
import dev.graft.tensor.Packed;
import dev.graft.tensor.Tensor;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// What a path called MODEL holds, whatever kind of file it is: a configuration in Hugging Face's terms and
/// tensors under Hugging Face's names.
///
/// {@snippet :
/// try (var source = ModelSource.open(Path.of("model-Q4_K.gguf"))) {
///     source.names().forEach(name -> System.out.println(source.entry(name)));
/// }
/// }
public interface ModelSource extends AutoCloseable {
    /// Opens a Hugging Face folder, a `.gguf` file or a llama2.c checkpoint (`.bin`).
    ///
    /// @throws FormatException when it is none of these, or damaged
    static ModelSource open(Path model) {
        if (Gguf.isNamedSo(model)) {
            return GgufModel.open(model);
        }
        return Llama2c.isNamedSo(model) ? new Llama2cModel(Llama2c.open(model)) : new HubFolder(model);
    }

    /// What was named MODEL.
    Path path();

    ModelConfig config();

    /// Names of all tensors.
    Set<String> names();

    /// A tensor's shape, its type as stored (`dtypeName`) and the type in which it is read (`dtype`), with
    /// bytes counted as stored.
    ///
    /// @throws FormatException when there is no such tensor
    Entry entry(String name);

    /// The tensor in the type it is read in; belongs to the current scope. Its memory is the file's
    /// where it is stored so.
    Tensor stored(String name);

    /// Whether [#packed] gives the transpose of what [#stored] does: of a layer that lies `[in, out]`,
    /// the packed weight is `[out, in]`.
    default boolean isPackedTransposed(String name) {
        return false;
    }

    /// The tensor as it is packed in the files, where it is; the caller closes it before this.
    default Optional<Packed> packed(String name) {
        return Optional.empty();
    }

    /// The tensor in another type; one that has to be decoded is decoded into that type at once.
    default Tensor as(DType type, String name) {
        return stored(name).to(type);
    }

    /// Says that nobody needs a tensor for now: pages of its file leave memory, and are read again when it is
    /// touched again.
    default void unload(String name) {}

    /// Which of these tensors are missing, have another shape or a type nothing can be computed in, a
    /// clause each.
    ///
    /// @param expected shapes by name
    default List<String> misfits(Map<String, long[]> expected) {
        return WeightFiles.misfits(expected, names(), this::entry);
    }

    /// Unmaps the files. Every tensor over their memory dies with them.
    @Override
    void close();
}
