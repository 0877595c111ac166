package dev.graft.format;

import dev.graft.tensor.Shapes;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/// A llama2.c checkpoint (`.bin`), memory-mapped. Three layouts exist: the legacy one of seven ints and
/// float32 weights, version 1 (`ak42`, float32) and version 2 (`ak42`, eight-bit groups with float32
/// scales).
///
/// Tensors have the names of llama2.c (`wq.3` is layer 3's). Rows of `wq` and `wk` are in the order of
/// rotary pairs, as Meta published Llama.
///
/// <https://github.com/karpathy/llama2.c/blob/master/export.py>
public final class Llama2c implements AutoCloseable {
    private static final int MAGIC = 0x616b3432; // "ak42"
    private static final int LEGACY_HEADER = 28;
    private static final int HEADER = 256;
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /// A tensor: its shape, where its values begin, and for eight-bit ones where their scales do.
    public record Part(long[] shape, long values, long scales) {
        public Part {
            shape = shape.clone();
        }

        @Override
        public long[] shape() {
            return shape.clone();
        }

        public long elements() {
            return Shapes.elements(shape);
        }
    }

    private final Path file;
    private final Arena arena;
    private final MemorySegment bytes;
    private final int version;
    private final int[] sizes = new int[7];
    private final boolean sharedClassifier;
    private final int group;
    private final Map<String, Part> parts = new LinkedHashMap<>();
    private long position;

    private Llama2c(Path file, Arena arena, MemorySegment bytes) {
        this.file = file;
        this.arena = arena;
        this.bytes = bytes;
        boolean versioned = bytes.byteSize() >= 8 && bytes.get(INT, 0) == MAGIC;
        version = versioned ? bytes.get(INT, 4) : 0;
        if (version < 0 || version > 2 || versioned && version == 0) {
            throw refusal("it is version %d of the format".formatted(version), "the legacy layout, or version 1 or 2");
        }
        int start = versioned ? 8 : 0;
        if (bytes.byteSize() < (versioned ? HEADER : LEGACY_HEADER)) {
            throw refusal("it has %d bytes".formatted(bytes.byteSize()), "a header and weights");
        }
        for (int i = 0; i < sizes.length; i++) {
            sizes[i] = bytes.get(INT, start + 4L * i);
        }
        if (versioned) {
            sharedClassifier = bytes.get(ValueLayout.JAVA_BYTE, start + 28) != 0;
            group = version == 2 ? bytes.get(INT, start + 29) : 0;
        } else {
            sharedClassifier = sizes[5] > 0;
            sizes[5] = Math.abs(sizes[5]); // a negative vocabulary says that the classifier is a matrix of its own
            group = 0;
        }
        requireSensible();
        position = versioned ? HEADER : LEGACY_HEADER;
        place();
        if (position != bytes.byteSize()) {
            throw refusal(
                    "it has %,d bytes".formatted(bytes.byteSize()),
                    "%,d for the sizes in its header (%s)".formatted(position, describe()));
        }
    }

    /// Maps a checkpoint and checks that its sizes account for every byte.
    public static Llama2c open(Path file) {
        if (!Files.isRegularFile(file)) {
            String found = Files.exists(file) ? "this is not a file" : "there is no such file";
            throw new FormatException(file, found, "a llama2.c checkpoint", "Check the path.");
        }
        if (Pickle.isOne(file)) {
            throw Pickle.refusal(file);
        }
        Arena arena = Arena.ofShared();
        try (var channel = FileChannel.open(file, StandardOpenOption.READ)) {
            return new Llama2c(file, arena, channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena));
        } catch (IOException e) {
            arena.close();
            throw new UncheckedIOException("%s: cannot be read (%s)".formatted(file, e), e);
        } catch (RuntimeException | Error e) {
            arena.close();
            throw e;
        }
    }

    /// Whether a path is called as these checkpoints are; PyTorch's own `.bin` files have other names.
    public static boolean isNamedSo(Path path) {
        String name = String.valueOf(path.getFileName());
        return name.endsWith(".bin") && !name.matches("(pytorch_model|adapter_model).*|tok.*");
    }

    private void requireSensible() {
        boolean positive = true;
        for (int size : sizes) {
            positive &= size > 0;
        }
        if (!positive || width() % heads() != 0 || heads() % keyHeads() != 0 || version == 2 && group < 1) {
            throw refusal("its header says " + describe(), "the sizes of a Llama model");
        }
    }

    private String describe() {
        return "dim %d, hidden_dim %d, n_layers %d, n_heads %d, n_kv_heads %d, vocab_size %d, seq_len %d"
                .formatted(width(), inner(), layers(), heads(), keyHeads(), vocabulary(), positions());
    }

    private void place() {
        long keys = (long) keyHeads() * headDim();
        if (version == 0) {
            put("tok_embeddings", vocabulary(), width());
            norms("attention_norm");
            attention(keys);
            norms("ffn_norm");
            feedForward();
            put("norm", width());
            requireRoom("the tables of cosines and sines", (long) positions() * headDim());
            position += 4L * positions() * headDim();
        } else {
            norms("attention_norm");
            norms("ffn_norm");
            put("norm", width());
            put("tok_embeddings", vocabulary(), width());
            attention(keys);
            feedForward();
        }
        if (!sharedClassifier) {
            put("output", vocabulary(), width());
        }
    }

    private void norms(String name) {
        perLayer(name, width());
    }

    private void attention(long keys) {
        perLayer("wq", width(), width());
        perLayer("wk", keys, width());
        perLayer("wv", keys, width());
        perLayer("wo", width(), width());
    }

    private void feedForward() {
        perLayer("w1", inner(), width());
        perLayer("w2", width(), inner());
        perLayer("w3", inner(), width());
    }

    private void perLayer(String name, long... shape) {
        for (int layer = 0; layer < layers(); layer++) {
            put(name + "." + layer, shape);
        }
    }

    private void put(String name, long... shape) {
        long elements = Shapes.elements(shape);
        requireRoom(name, elements);
        boolean packed = version == 2 && shape.length == 2;
        if (packed && elements % group != 0) {
            throw refusal("%s has %,d weights".formatted(name, elements), "a multiple of its group of " + group);
        }
        long scales = position + elements;
        parts.put(name, new Part(shape, position, packed ? scales : 0));
        position += packed ? elements + 4 * (elements / group) : 4 * elements;
    }

    /// Each takes a byte at least; what is left open is found where the file should end.
    private void requireRoom(String name, long elements) {
        if (elements > bytes.byteSize() - position) {
            throw refusal("it ends within " + name, "weights for the sizes in its header (%s)".formatted(describe()));
        }
    }

    public Path file() {
        return file;
    }

    /// 0 (legacy), 1 or 2.
    public int version() {
        return version;
    }

    public int width() {
        return sizes[0];
    }

    public int inner() {
        return sizes[1];
    }

    public int layers() {
        return sizes[2];
    }

    public int heads() {
        return sizes[3];
    }

    public int keyHeads() {
        return sizes[4];
    }

    public int vocabulary() {
        return sizes[5];
    }

    public int positions() {
        return sizes[6];
    }

    public int headDim() {
        return width() / heads();
    }

    /// Whether the output is the embedding.
    public boolean sharedClassifier() {
        return sharedClassifier;
    }

    /// Tensors in the order of the file.
    public Map<String, Part> parts() {
        return Collections.unmodifiableMap(parts);
    }

    /// Whether the values of a tensor are eight-bit numbers.
    public boolean isPacked(String name) {
        return parts.get(name).scales > 0;
    }

    /// The float32 bytes of a tensor that is not packed, valid until [#close].
    public MemorySegment data(String name) {
        Part part = parts.get(name);
        return bytes.asSlice(part.values, 4 * part.elements());
    }

    /// Writes `count` values of a packed tensor from element `first` on as float32: number times the
    /// scale of its group.
    public void decode(String name, long first, float[] into, int count) {
        Part part = parts.get(name);
        ValueLayout.OfFloat real = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < count; i++) {
            byte number = bytes.get(ValueLayout.JAVA_BYTE, part.values + first + i);
            into[i] = number * bytes.get(real, part.scales + 4 * ((first + i) / group));
        }
    }

    private FormatException refusal(String found, String expected) {
        return new FormatException(
                file, found, expected, "It is cut off, or no llama2.c checkpoint: download or export it again.");
    }

    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            arena.close();
        }
    }
}
