package dev.graft.export;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.format.AtomicFiles;
import dev.graft.format.Json;
import dev.graft.format.Safetensors.Entry;
import dev.graft.format.WeightHash;
import dev.graft.format.vocabulary.TemplateFiles;
import dev.graft.model.Architectures;
import dev.graft.model.FileTensors;
import dev.graft.model.LanguageModel;
import dev.graft.model.ModelConfig;
import dev.graft.model.ModelSource;
import dev.graft.nn.LinearFactory;
import dev.graft.nn.NamedTensors;
import dev.graft.peft.TensorChange;
import dev.graft.quant.QuantizationConfig;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Tensor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// Folds adapters into their base: `W' = W + ΔW`, computed in float32 and rounded once to the type it is
/// saved in.
///
/// The base stays in its files and is read tensor by tensor. Of a tensor that an adapter changes, the
/// result is in memory in the type it is saved in, and some rows at a time in float32; methods that look
/// at whole changes hold one per adapter.
///
/// ```java
/// try (Merge merge = Merge.open(base, List.of(adapter), MergeSettings.plain(Optional.empty()))) {
///     AtomicFiles.directory(output, folder -> merge.write(folder));
/// }
/// ```
public final class Merge implements AutoCloseable {
    private static final String HEAD = "lm_head.weight";

    private final Path model;
    private final MergeSettings settings;
    private final ModelSource files;
    private final NamedTensors source;
    private final List<OpenedAdapter> adapters;
    /// The embedding, which architectures name first.
    private final String table;
    /// Whether the base's head shares it.
    private final boolean tied;

    private Optional<TemplateFiles> template = Optional.empty();
    private LanguageModel reference;
    private Advance watcher = Advance.UNWATCHED;

    private Merge(Path model, MergeSettings settings, ModelSource files, List<OpenedAdapter> adapters) {
        this.model = model;
        this.settings = settings;
        this.files = files;
        this.source = new FileTensors(files, Device.cpu(), DType.F32);
        this.adapters = adapters;
        ModelConfig config = files.config();
        Set<String> tensors = Architectures.of(config).tensors(config).keySet();
        this.table = tensors.iterator().next();
        this.tied = !tensors.contains(HEAD);
    }

    /// Reads the adapters and checks that they fit the base and each other.
    ///
    /// @param model    directory of the base model
    /// @param adapters PEFT adapter directories, a weight for each in the settings
    public static Merge open(Path model, List<Path> adapters, MergeSettings settings) {
        if (adapters.isEmpty() || adapters.size() != settings.weights().size()) {
            throw new IllegalArgumentException("%d adapters and %d weights; expected one weight for each adapter"
                    .formatted(adapters.size(), settings.weights().size()));
        }
        List<OpenedAdapter> opened = new ArrayList<>();
        ModelSource files = ModelSource.open(model);
        try {
            adapters.forEach(adapter -> opened.add(OpenedAdapter.open(model, adapter)));
            MergeChecks.require(model, files, opened, settings);
            return new Merge(model, settings, files, opened);
        } catch (RuntimeException | Error e) {
            opened.forEach(OpenedAdapter::close);
            files.close();
            throw e;
        }
    }

    /// Tells of each tensor that is written.
    public void watch(Advance advance) {
        watcher = advance;
    }

    /// Gives the merged model another chat template than that of its base.
    public void useTemplate(TemplateFiles chatTemplate) {
        template = Optional.of(chatTemplate);
    }

    /// Folds one adapter into its base and writes the model.
    ///
    /// @param output   folder to create
    /// @param saveType type of the saved weights; empty keeps each tensor's own
    public static MergeReport run(Path model, Path adapter, Path output, Optional<DType> saveType) {
        try (Merge merge = open(model, List.of(adapter), MergeSettings.plain(saveType))) {
            MergeReport[] report = new MergeReport[1];
            AtomicFiles.directory(output, folder -> report[0] = merge.write(folder));
            return report[0];
        }
    }

    /// Writes the merged model into an empty folder.
    public MergeReport write(Path folder) {
        return write(folder, Optional.empty(), settings.saveType());
    }

    /// The same, and beside it what [Unmerge] needs to give the base back bit for bit.
    public MergeReport writeWithDelta(Path folder) {
        if (!Files.isDirectory(model)) {
            throw new IllegalArgumentException(
                    "%s is a single file, and what unmerging gives back is a folder; keep the file instead"
                            .formatted(model));
        }
        if (isQuantised()) {
            throw new IllegalArgumentException(
                    "%s is quantised, and unmerging gives back weights bit for bit as they are before a merge; keep the quantised model itself instead"
                            .formatted(model));
        }
        try (KeptDelta.Writer kept = new KeptDelta.Writer(folder)) {
            MergeReport report = write(folder, Optional.of(kept), settings.saveType());
            kept.finish(WeightHash.of(model), model.resolve("config.json"));
            return report;
        }
    }

    /// Writes the merged model as a GGUF file.
    ///
    /// @param folder of the merged model that the file is made from
    public MergeReport writeGguf(Path folder, Path file) {
        List<MergeReport> report = new ArrayList<>();
        DType type = settings.saveType().orElse(storedType(files));
        // weights of a quantised base are packed once, by the GGUF file
        Optional<DType> saveType = isQuantised() ? Optional.of(type) : settings.saveType();
        AtomicFiles.directory(folder, into -> report.add(write(into, Optional.empty(), saveType)));
        GgufExport.run(
                folder,
                file,
                switch (type) {
                    case BF16 -> GgufExport.Type.BF16;
                    case F16 -> GgufExport.Type.F16;
                    default -> GgufExport.Type.F32;
                },
                watcher);
        return report.getFirst();
    }

    private MergeReport write(Path folder, Optional<KeptDelta.Writer> kept, Optional<DType> saveType) {
        try (Requantising packing = new Requantising(files)) {
            return write(folder, kept, saveType, packing);
        }
    }

    private MergeReport write(
            Path folder, Optional<KeptDelta.Writer> kept, Optional<DType> saveType, Requantising packing) {
        List<MergedTensor> layers = new ArrayList<>();
        Retyping retyping = new Retyping();
        Map<String, ModelDirectory.Weight> weights = new LinkedHashMap<>();
        for (String name : names()) {
            String base = baseOf(name);
            Entry entry = files.entry(base);
            DType own = entry.dtype().orElseThrow();
            DType type = own.isFloating() ? saveType.orElse(own) : own;
            TensorMerge merge = new TensorMerge(isCopy(name) ? table : name, settings, adapters);
            if (saveType.isEmpty()) {
                Map<String, ModelDirectory.Weight> packed = packing.weights(name, merge, layers);
                weights.putAll(packed);
                if (!packed.isEmpty()) {
                    continue;
                }
            }
            weights.put(name, new ModelDirectory.Weight(type, entry.shape(), () -> {
                Tensor stored = source.stored(base);
                Tensor saved =
                        merge.isNothing() ? retyping.add(name, stored, type) : merge.rounded(stored, type, layers);
                kept.ifPresent(delta -> keep(delta, name, stored, saved));
                return saved;
            }));
        }
        boolean untied = names().stream().anyMatch(name -> !baseOf(name).equals(name));
        ModelDirectory.fill(
                folder, model, ModelDirectory.watched(weights, watcher), saveType.orElse(storedType(files)), untied);
        if (isQuantised() && saveType.isPresent()) {
            removeQuantizationConfig(folder.resolve("config.json"));
        }
        template.ifPresent(files -> files.replaceIn(folder));
        return new MergeReport(layers, names().size(), retyping.tensors(), retyping.error());
    }

    private static void removeQuantizationConfig(Path file) {
        ObjectNode config = ((ObjectNode) Json.readObject(file, "the model's configuration")).deepCopy();
        config.remove(QuantizationConfig.KEY);
        AtomicFiles.writeString(file, Json.pretty(config) + "\n");
    }

    private boolean isQuantised() {
        return files.config().json().hasNonNull(QuantizationConfig.KEY);
    }

    /// Whether weights are packed again after the merge, in the format they have in the base.
    public boolean requantises() {
        return isQuantised() && settings.saveType().isEmpty();
    }

    private void keep(KeptDelta.Writer delta, String name, Tensor stored, Tensor saved) {
        if (files.names().contains(name)) {
            delta.add(name, stored, saved);
        } else {
            delta.addedTensor(name);
        }
    }

    /// Changed tensors whose change is something else than a product that was added.
    List<String> notProducts() {
        return adapters.stream()
                .flatMap(adapter ->
                        adapter.changes().keySet().stream().filter(tensor -> !isProduct(adapter.change(tensor))))
                .distinct()
                .toList();
    }

    private static boolean isProduct(TensorChange change) {
        return switch (change) {
            case TensorChange.Factors factors -> factors.change().magnitude().isEmpty();
            case TensorChange.Transposed turned -> isProduct(turned.change());
            case TensorChange.Added _ -> true;
            default -> false;
        };
    }

    /// Writes the change of all adapters together as one adapter: for each layer the best factors of
    /// some rank.
    ///
    /// @param folder    of the adapter
    /// @param rank      of every layer; empty for the largest rank there is among the adapters
    /// @param baseModel name or path of the base, for `base_model_name_or_path`
    public FoldReport fold(Path folder, Optional<Integer> rank, String baseModel) {
        return new AdapterFolding(model, settings, source, adapters).write(folder, rank, baseModel);
    }

    /// Tensors of the merged model: those of the base, and a head's own where it no longer shares the
    /// embedding's.
    private Set<String> names() {
        Set<String> names = new LinkedHashSet<>(files.names());
        adapters.forEach(adapter -> names.addAll(adapter.changes().keySet()));
        return names;
    }

    /// Whether a tensor is what some writers store for a head that shares the embedding's table, and
    /// goes on sharing it.
    private boolean isCopy(String name) {
        return tied
                && name.equals(HEAD)
                && adapters.stream().noneMatch(a -> a.changes().containsKey(HEAD));
    }

    /// The base's tensor that a tensor of the merged model comes from.
    private String baseOf(String name) {
        return adapters.stream()
                .filter(adapter -> adapter.changes().containsKey(name))
                .map(adapter -> adapter.changes().get(name).base())
                .findFirst()
                .orElse(name);
    }

    /// The model that the merged one stands for, computed in float32 from weights that stay in their
    /// files: base and adapter as they run where there is one adapter, otherwise the merged weights
    /// before rounding.
    ///
    /// @return belongs to this merge, which closes it
    public LanguageModel reference() {
        if (settings.isPlain()) {
            return adapters.getFirst().model();
        }
        if (reference == null) {
            LinearFactory exact = LinearFactory.streamed(
                    (tensor, from) -> new TensorMerge(tensor, settings, adapters).exact(from.stored(tensor)));
            reference = Architectures.load(model, exact, Device.cpu(), DType.F32);
        }
        return reference;
    }

    /// A model in float32 whose weights stay in their files.
    public static LanguageModel streamed(Path model) {
        LinearFactory streamed = LinearFactory.streamed((tensor, source) -> source.computed(tensor));
        return Architectures.load(model, streamed, Device.cpu(), DType.F32);
    }

    /// Type of the largest tensor.
    private static DType storedType(ModelSource files) {
        return files.names().stream()
                .map(files::entry)
                .max(Comparator.comparingLong(Entry::bytes))
                .flatMap(Entry::dtype)
                .orElseThrow();
    }

    @Override
    public void close() {
        if (reference != null) {
            reference.close();
        }
        adapters.forEach(OpenedAdapter::close);
        files.close();
    }
}
