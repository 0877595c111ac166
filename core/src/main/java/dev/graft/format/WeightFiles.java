package dev.graft.format;

import static dev.graft.format.FormatException.quote;

import dev.graft.format.Safetensors.Entry;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Shapes;
import dev.graft.tensor.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// All weights of a model as one set of names, whether they lie in one safetensors file or in shards
/// with an index.
public final class WeightFiles implements AutoCloseable {
    static final String SINGLE = "model.safetensors";
    static final String INDEX = "model.safetensors.index.json";
    static final String ADAPTER = "adapter_model.safetensors";
    private static final int FAULTS_SHOWN = 10;

    private final Path path;
    private final List<Safetensors> files;
    private final Map<String, Place> places;

    /// Where a tensor lies.
    ///
    /// @param stored the tensor of the file it is, or is a part of
    /// @param seen   the tensor as it is named and shaped here
    private record Place(Safetensors file, Entry stored, Entry seen) {
        MemorySegment part(MemorySegment whole) {
            return whole.asSlice(seen.begin() - stored.begin(), seen.bytes());
        }

        Place seenAs(String name, View view) {
            long[] shape = view.shape.orElseGet(seen::shape);
            long elementBytes = seen.bytes() / Math.max(1, seen.elements());
            long begin = seen.begin() + view.first * elementBytes;
            long end = begin + Math.multiplyExact(Shapes.elements(shape), elementBytes);
            if (begin < seen.begin() || end > seen.end()) {
                throw new IllegalArgumentException(
                        "%s from element %d of %s".formatted(Arrays.toString(shape), view.first, seen));
            }
            return new Place(file, stored, new Entry(name, seen.dtypeName(), seen.dtype(), shape, begin, end));
        }
    }

    /// A tensor under another name, or a part of it that is one stretch of elements.
    ///
    /// @param stored name in the file
    /// @param first  element of it where the part begins
    /// @param shape  of the part; empty for all of it, in its own shape
    public record View(String stored, long first, Optional<long[]> shape) {
        /// All of a tensor.
        public static View whole(String stored) {
            return new View(stored, 0, Optional.empty());
        }

        /// A part.
        public static View part(String stored, long first, long... shape) {
            return new View(stored, first, Optional.of(shape));
        }
    }

    private WeightFiles(Path path, List<Safetensors> files) {
        this.path = path;
        this.files = List.copyOf(files);
        Map<String, Place> places = new LinkedHashMap<>();
        files.forEach(file -> file.entries().forEach((name, entry) -> places.put(name, new Place(file, entry, entry))));
        this.places = Collections.unmodifiableMap(places);
    }

    private WeightFiles(WeightFiles whole, Map<String, View> views) {
        this.path = whole.path;
        this.files = whole.files;
        Map<String, Place> places = new LinkedHashMap<>();
        views.forEach((name, view) -> places.put(name, whole.place(view.stored).seenAs(name, view)));
        this.places = Collections.unmodifiableMap(places);
    }

    /// The same weights under other names, in other pieces; what no view names is not there. Closing
    /// either closes both.
    public WeightFiles seenAs(Map<String, View> views) {
        return new WeightFiles(this, views);
    }

    /// The weights of a model directory: `model.safetensors`, or else the shards of
    /// `model.safetensors.index.json`.
    ///
    /// @throws FormatException when there are none, or index and shards disagree
    public static WeightFiles open(Path directory) {
        if (!Files.isDirectory(directory)) {
            String found = Files.exists(directory) ? "this is a file" : "there is no such directory";
            throw new FormatException(directory, found, "a model directory", "Check the path.");
        }
        if (Files.exists(directory.resolve(SINGLE))) {
            return openFile(directory.resolve(SINGLE));
        }
        Path index = directory.resolve(INDEX);
        if (Files.exists(index)) {
            return openShards(directory, ShardIndex.read(index));
        }
        throw nothingToOpen(directory);
    }

    /// The weights of one file, such as an adapter's `adapter_model.safetensors`.
    public static WeightFiles openFile(Path file) {
        if (Files.exists(file) && Pickle.isOne(file)) {
            throw Pickle.refusal(file);
        }
        return new WeightFiles(file, List.of(Safetensors.open(file)));
    }

    private static WeightFiles openShards(Path directory, ShardIndex index) {
        List<Safetensors> files = new ArrayList<>();
        try {
            requirePresent(directory, index);
            for (String shard : index.shards()) {
                files.add(Safetensors.open(directory.resolve(shard)));
            }
            requireAgreement(directory, index, files);
            return new WeightFiles(directory, files);
        } catch (RuntimeException | Error e) {
            files.forEach(Safetensors::close);
            throw e;
        }
    }

    private static void requirePresent(Path directory, ShardIndex index) {
        List<String> missing = index.shards().stream()
                .filter(shard -> !Files.exists(directory.resolve(shard)))
                .toList();
        if (!missing.isEmpty()) {
            throw new FormatException(
                    directory,
                    "%d of the %d shards are missing: %s"
                            .formatted(missing.size(), index.shards().size(), listed(missing, ", ")),
                    "every file named in " + INDEX,
                    "Download the rest of the model.");
        }
    }

    /// Every tensor lies in the one shard the index names for it, and the index names all there are.
    private static void requireAgreement(Path directory, ShardIndex index, List<Safetensors> files) {
        List<String> faults = new ArrayList<>();
        Map<String, Set<String>> held = new LinkedHashMap<>();
        files.forEach(file ->
                held.put(file.file().getFileName().toString(), file.entries().keySet()));
        index.shardOf().forEach((name, shard) -> {
            if (!held.get(shard).contains(name)) {
                faults.add("%s is not in %s".formatted(quote(name), shard));
            }
        });
        held.forEach((shard, names) -> names.forEach(name -> {
            String home = index.shardOf().get(name);
            if (home == null) {
                faults.add("%s of %s is not in the index".formatted(quote(name), shard));
            } else if (!home.equals(shard)) {
                faults.add("%s of %s belongs to %s".formatted(quote(name), shard, home));
            }
        }));
        if (!faults.isEmpty()) {
            throw new FormatException(
                    directory.resolve(INDEX),
                    "index and shards disagree about %d tensors:\n  %s\n"
                            .formatted(faults.size(), listed(faults, "\n  ")),
                    "each tensor in the one shard the index names",
                    "Download index and shards of the same revision.");
        }
    }

    private static FormatException nothingToOpen(Path directory) {
        if (Files.exists(directory.resolve(ADAPTER))) {
            return new FormatException(
                    directory,
                    "this is an adapter, with %s alone".formatted(ADAPTER),
                    "a model, with %s or %s".formatted(SINGLE, INDEX),
                    "Give the base model here and this directory as the adapter.");
        }
        try (Stream<Path> list = Files.list(directory)) {
            List<String> pickles = list.filter(Pickle::isOne)
                    .map(file -> file.getFileName().toString())
                    .sorted()
                    .toList();
            return new FormatException(
                    directory,
                    pickles.isEmpty()
                            ? "there are no weights here"
                            : "there are only pickle files, " + listed(pickles, ", "),
                    "%s, or %s with its shards".formatted(SINGLE, INDEX),
                    pickles.isEmpty()
                            ? "Check the path, or download the weights too."
                            : Pickle.advice(Path.of(pickles.getFirst())));
        } catch (IOException e) {
            throw new UncheckedIOException("%s: cannot be listed (%s)".formatted(directory, e), e);
        }
    }

    private static String listed(List<String> items, String separator) {
        String shown = items.stream().limit(FAULTS_SHOWN).collect(Collectors.joining(separator));
        int more = items.size() - FAULTS_SHOWN;
        return more > 0 ? "%s%sand %d more".formatted(shown, separator, more) : shown;
    }

    /// Names of all tensors, file by file, in the order of their bytes.
    public Set<String> names() {
        return places.keySet();
    }

    /// Which of these tensors are missing, have another shape or a type nothing can be computed in, a
    /// clause each.
    ///
    /// @param expected shapes by name
    public List<String> misfits(Map<String, long[]> expected) {
        return misfits(expected, names(), this::entry);
    }

    /// The same of tensors from anywhere.
    ///
    /// @param names   of those there are
    /// @param entries describes one of them
    public static List<String> misfits(
            Map<String, long[]> expected, Set<String> names, Function<String, Entry> entries) {
        List<String> faults = new ArrayList<>();
        expected.forEach((name, shape) -> {
            if (!names.contains(name)) {
                faults.add(name + ": missing");
                return;
            }
            Entry entry = entries.apply(name);
            if (!Arrays.equals(entry.shape(), shape)) {
                faults.add("%s: shape %s; expected %s"
                        .formatted(name, Arrays.toString(entry.shape()), Arrays.toString(shape)));
            } else if (entry.dtype().filter(DType::isFloating).isEmpty()) {
                faults.add("%s: type %s; expected a floating type (F32, BF16, F16, F64)"
                        .formatted(name, entry.dtypeName()));
            }
        });
        return faults;
    }

    /// The description of a tensor; its offsets count within the file it lies in.
    ///
    /// @throws FormatException when there is no such tensor
    public Entry entry(String name) {
        return place(name).seen;
    }

    /// The bytes of a tensor, as [Safetensors#data] gives them: valid until [#close].
    ///
    /// @throws FormatException when there is no such tensor, or Graft has no arithmetic for its element type
    public MemorySegment data(String name) {
        Place place = place(name);
        return place.part(place.file.data(place.stored.name()));
    }

    /// As [#data], of any element type.
    MemorySegment bytes(String name) {
        Place place = place(name);
        return place.part(place.file.bytes(place.stored.name()));
    }

    /// A tensor over the memory of its file; belongs to the current scope.
    ///
    /// @throws FormatException when there is no such tensor, or Graft has no arithmetic for its element type
    public Tensor tensor(String name) {
        Entry entry = entry(name);
        MemorySegment data = data(name); // refuses types Graft cannot compute with
        DType dtype = entry.dtype().orElseThrow();
        if (data.address() % dtype.bytes() == 0) {
            return Tensor.over(data, dtype, entry.shape());
        }
        Tensor copy = Tensor.empty(dtype, Device.cpu(), entry.shape()); // old writers did not align
        copy.memory().copyFrom(data);
        return copy;
    }

    /// Bytes of all tensors together.
    public long totalBytes() {
        return places.keySet().stream().mapToLong(name -> entry(name).bytes()).sum();
    }

    public List<Path> files() {
        return files.stream().map(Safetensors::file).toList();
    }

    private Place place(String name) {
        Place place = places.get(name);
        if (place == null) {
            throw new FormatException(
                    path,
                    "there is no tensor %s among the %d".formatted(quote(name), places.size()),
                    "one of that name",
                    "Check that the weights belong to this model.");
        }
        return place;
    }

    /// Unmaps the files. Every segment handed out dies with them.
    @Override
    public void close() {
        files.forEach(Safetensors::close);
    }
}
