package dev.graft.format;

import static dev.graft.format.FormatException.quote;

import dev.graft.format.Safetensors.Entry;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// A GGUF model, memory-mapped: one file, or all files of a split model (`NAME-00001-of-00003.gguf`).
/// Opening it reads what stands before the weights; an instance means valid files, everything the format
/// forbids was refused by [#open].
///
/// <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>
public final class Gguf implements AutoCloseable {
    private static final Pattern SPLIT = Pattern.compile("(.*)-(\\d{5})-of-(\\d{5})\\.gguf");

    private final Path file;
    private final Arena arena;
    private final List<Path> files = new ArrayList<>();
    private final Map<String, GgufValue> metadata;
    private final Map<String, Entry> entries = new LinkedHashMap<>();
    private final Map<String, MemorySegment> data = new LinkedHashMap<>();

    private Gguf(Path file, Arena arena) {
        this.file = file;
        this.arena = arena;
        this.metadata = add(file).metadata();
    }

    /// Maps the file, and the others of a split model.
    ///
    /// @throws FormatException when there is no such file, or it is not a valid one
    public static Gguf open(Path file) {
        Arena arena = Arena.ofShared(); // weights are read by every worker thread
        try {
            Gguf opened = new Gguf(file, arena);
            opened.addOtherParts();
            return opened;
        } catch (RuntimeException | Error e) {
            arena.close();
            throw e;
        }
    }

    /// Whether a path is called as GGUF files are.
    public static boolean isNamedSo(Path path) {
        return path.toString().endsWith(".gguf");
    }

    private GgufHeader add(Path part) {
        if (!Files.isRegularFile(part)) {
            String found = Files.exists(part) ? "this is not a file" : "there is no such file";
            throw new FormatException(part, found, "a GGUF file", "Check the path.");
        }
        try (var channel = FileChannel.open(part, StandardOpenOption.READ)) {
            MemorySegment whole = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
            GgufHeader header = GgufHeader.parse(part, whole);
            header.entries().forEach((name, entry) -> {
                if (entries.put(name, entry) != null) {
                    throw new FormatException(
                            part,
                            "tensor %s is also in another part".formatted(quote(name)),
                            "each tensor once",
                            "Download all parts of one model.");
                }
                data.put(name, whole.asSlice(header.dataStart() + entry.begin(), entry.bytes()));
            });
            files.add(part);
            return header;
        } catch (IOException e) {
            throw new UncheckedIOException("%s: cannot be read (%s)".formatted(part, e), e);
        }
    }

    private void addOtherParts() {
        long count = whole("split.count").orElse(0L);
        if (count < 2) {
            return;
        }
        Matcher name = SPLIT.matcher(file.getFileName().toString());
        if (!name.matches() || Long.parseLong(name.group(3)) != count) {
            throw new FormatException(
                    file,
                    "this is part of a model of %d files".formatted(count),
                    "a name that ends in -00001-of-%05d.gguf".formatted(count),
                    "Give the file the name it was published under.");
        }
        if (Integer.parseInt(name.group(2)) != 1) {
            throw new FormatException(
                    file,
                    "this is part %s of a model of %d files".formatted(name.group(2), count),
                    "the first part",
                    "Give %s-00001-of-%s.gguf.".formatted(name.group(1), name.group(3)));
        }
        for (int part = 2; part <= count; part++) {
            add(file.resolveSibling(String.format(Locale.ROOT, "%s-%05d-of-%05d.gguf", name.group(1), part, count)));
        }
        whole("split.tensors.count")
                .filter(tensors -> tensors != entries.size())
                .ifPresent(tensors -> {
                    throw new FormatException(
                            file,
                            "its %d parts hold %d tensors".formatted(count, entries.size()),
                            tensors + " tensors",
                            "Download all parts of one model.");
                });
    }

    /// The file that was named, the first of a split model.
    public Path file() {
        return file;
    }

    /// All files of the model.
    public List<Path> files() {
        return List.copyOf(files);
    }

    /// Everything that stands before the tensors, by its key; of a split model that of the first file.
    public Map<String, GgufValue> metadata() {
        return metadata;
    }

    /// Tensors by name, in the order of their bytes; a quantised one has a type name and no [Entry#dtype].
    public Map<String, Entry> entries() {
        return Collections.unmodifiableMap(entries);
    }

    /// The type of a tensor.
    public GgufType type(String name) {
        return GgufType.valueOf(entry(name).dtypeName());
    }

    /// What is said about a tensor.
    ///
    /// @throws FormatException when there is none of that name
    public Entry entry(String name) {
        Entry entry = entries.get(name);
        if (entry == null) {
            throw new FormatException(
                    file,
                    "there is no tensor %s among its %d".formatted(quote(name), entries.size()),
                    "one of that name",
                    "Check that the file is a whole model.");
        }
        return entry;
    }

    /// The bytes of a tensor as stored, valid until [#close].
    public MemorySegment data(String name) {
        entry(name);
        if (!arena.scope().isAlive()) {
            throw new IllegalStateException("%s is closed; read its tensors before closing it".formatted(file));
        }
        return data.get(name);
    }

    /// A text of the metadata.
    public Optional<String> text(String key) {
        return switch (metadata.get(key)) {
            case null -> Optional.empty();
            case GgufValue.Text(String value) -> Optional.of(value);
            case GgufValue other -> throw wrong(key, other, "text");
        };
    }

    /// A whole number of the metadata.
    public Optional<Long> whole(String key) {
        return switch (metadata.get(key)) {
            case null -> Optional.empty();
            case GgufValue.Whole(var kind, long value) -> Optional.of(value);
            case GgufValue other -> throw wrong(key, other, "a whole number");
        };
    }

    /// A number of the metadata.
    public Optional<Double> number(String key) {
        return switch (metadata.get(key)) {
            case null -> Optional.empty();
            case GgufValue.Whole(var kind, long value) -> Optional.of((double) value);
            case GgufValue.Real(var kind, double value) -> Optional.of(value);
            case GgufValue other -> throw wrong(key, other, "a number");
        };
    }

    /// True or false, of the metadata.
    public Optional<Boolean> flag(String key) {
        return switch (metadata.get(key)) {
            case null -> Optional.empty();
            case GgufValue.Flag(boolean value) -> Optional.of(value);
            case GgufValue other -> throw wrong(key, other, "true or false");
        };
    }

    /// A list of texts of the metadata.
    public Optional<List<String>> texts(String key) {
        return switch (metadata.get(key)) {
            case null -> Optional.empty();
            case GgufValue.Texts(List<String> values) -> Optional.of(values);
            case GgufValue.Numbers numbers when numbers.size() == 0 -> Optional.of(List.of());
            case GgufValue other -> throw wrong(key, other, "a list of texts");
        };
    }

    /// A list of numbers of the metadata.
    public Optional<GgufValue.Numbers> numbers(String key) {
        return switch (metadata.get(key)) {
            case null -> Optional.empty();
            case GgufValue.Numbers values -> Optional.of(values);
            case GgufValue other -> throw wrong(key, other, "a list of numbers");
        };
    }

    private FormatException wrong(String key, GgufValue found, String expected) {
        return refusal("%s is %s".formatted(key, quote(String.valueOf(found.plain()))), expected);
    }

    /// What is wrong with this file, for those who know what it should say.
    public FormatException refusal(String found, String expected) {
        return new FormatException(file, found, expected, "Graft cannot use this file until it is.");
    }

    /// Unmaps the files. Every segment handed out dies with them.
    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            arena.close();
        }
    }
}
