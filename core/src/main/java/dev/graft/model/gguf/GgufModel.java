package dev.graft.model.gguf;

import dev.graft.format.FormatException;
import dev.graft.format.Gguf;
import dev.graft.format.GgufType;
import dev.graft.format.Safetensors.Entry;
import dev.graft.model.Architectures;
import dev.graft.model.ModelConfig;
import dev.graft.model.ModelSource;
import dev.graft.model.RotaryRows;
import dev.graft.model.gguf.GgufNames.Change;
import dev.graft.model.gguf.GgufNames.Place;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Shapes;
import dev.graft.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/// A GGUF file as a model: packed weights are decoded when they are asked for, into the type they are
/// asked for in.
public final class GgufModel implements ModelSource {
    /// What a file may hold beside the model's own tensors; read with the configuration, or not needed.
    private static final Set<String> BESIDE = Set.of(GgufRope.FACTORS, GgufLongRope.SHORT, GgufLongRope.LONG);

    private final Gguf gguf;
    private final ModelConfig config;
    private final Map<String, Place> places = new LinkedHashMap<>();

    private GgufModel(Gguf gguf) {
        this.gguf = gguf;
        GgufFamily family = GgufFamilies.of(gguf);
        config = family.config(gguf);
        Set<String> unused = new HashSet<>(gguf.entries().keySet());
        unused.removeAll(BESIDE);
        for (String name : Architectures.of(config).tensors(config).keySet()) {
            Optional<Place> place = family.names()
                    .places(name)
                    .filter(at -> gguf.entries().containsKey(at.tensor()))
                    .findFirst();
            place.ifPresent(at -> {
                places.put(name, at);
                unused.remove(at.tensor());
            });
        }
        if (config.flag("tie_word_embeddings", false)) {
            unused.remove("output.weight"); // the embedding once more
        }
        // under its own name, for whoever compares what is here with what should be
        unused.forEach(name -> places.put(name, new Place(name, Change.SAME, OptionalInt.empty())));
    }

    /// Opens a file of a family Graft knows.
    public static GgufModel open(Path file) {
        Gguf gguf = Gguf.open(file);
        try {
            return new GgufModel(gguf);
        } catch (RuntimeException | Error e) {
            gguf.close();
            throw e;
        }
    }

    @Override
    public Path path() {
        return gguf.file();
    }

    @Override
    public ModelConfig config() {
        return config;
    }

    @Override
    public Set<String> names() {
        return Collections.unmodifiableSet(places.keySet());
    }

    @Override
    public Entry entry(String name) {
        Place place = place(name);
        Entry whole = gguf.entry(place.tensor());
        GgufType type = gguf.type(place.tensor());
        Optional<DType> dtype = type.codec().isPresent() ? Optional.of(DType.F32) : type.dtype();
        long[] shape = whole.shape();
        if (place.expert().isPresent()) {
            requireExperts(place.tensor(), shape);
            shape = Arrays.copyOfRange(shape, 1, shape.length);
        } else if (place.change() == Change.TRANSPOSED) {
            shape = new long[] {shape[1], shape[0]};
        }
        long bytes = type.bytes(Shapes.elements(shape));
        long begin = whole.begin() + place.expert().orElse(0) * bytes;
        return new Entry(name, type.name(), dtype, shape, begin, begin + bytes);
    }

    private void requireExperts(String tensor, long[] shape) {
        int experts = config.size(config.has("num_experts") ? "num_experts" : "num_local_experts");
        if (shape.length != 3 || shape[0] != experts) {
            throw gguf.refusal(
                    "tensor %s has the shape %s".formatted(tensor, Arrays.toString(shape)),
                    "%d matrices, one for each expert".formatted(experts));
        }
    }

    private Place place(String name) {
        return Optional.ofNullable(places.get(name))
                .orElseThrow(() -> gguf.refusal("there is no tensor for " + name, "a whole model"));
    }

    @Override
    public Tensor stored(String name) {
        return as(entry(name).dtype().orElseThrow(() -> unreadable(name)), name);
    }

    @Override
    public Tensor as(DType type, String name) {
        Place place = place(name);
        Tensor raw = raw(name, place, type);
        return switch (place.change()) {
            case SAME -> raw;
            case QUERY_ROWS -> RotaryRows.toHalves(raw, config.size("num_attention_heads"));
            case KEY_ROWS -> RotaryRows.toHalves(raw, keyHeads());
            case PLUS_ONE -> raw.to(DType.F32).add(-1).to(type);
            case TRANSPOSED -> raw.t().contiguous();
        };
    }

    private int keyHeads() {
        return config.optionalSize("num_key_value_heads").orElse(config.size("num_attention_heads"));
    }

    /// The tensor in the order of the file.
    private Tensor raw(String name, Place place, DType type) {
        long[] shape = entry(name).shape();
        if (place.change() == Change.TRANSPOSED) {
            shape = new long[] {shape[1], shape[0]};
        }
        GgufType stored = gguf.type(place.tensor());
        MemorySegment data = gguf.data(place.tensor());
        long bytes = stored.bytes(Shapes.elements(shape));
        data = data.asSlice(place.expert().orElse(0) * bytes, bytes);
        if (stored.codec().isPresent()) {
            return stored.decoded(data, shape, type);
        }
        DType plain = stored.dtype().filter(DType::isFloating).orElseThrow(() -> unreadable(name));
        if (data.address() % plain.bytes() == 0) {
            return Tensor.over(data, plain, shape).to(type);
        }
        Tensor copy = Tensor.empty(plain, Device.cpu(), shape);
        copy.memory().copyFrom(data);
        return copy.to(type);
    }

    private FormatException unreadable(String name) {
        return gguf.refusal(
                "tensor %s is of type %s"
                        .formatted(place(name).tensor(), entry(name).dtypeName()),
                "a type Graft can read (F32, F16, BF16, F64, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K)");
    }

    @Override
    public void close() {
        gguf.close();
    }
}
