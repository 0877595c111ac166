package dev.graft.cli;

import dev.graft.format.Safetensors.Entry;
import java.io.PrintWriter;
import java.math.BigDecimal;
import java.math.MathContext;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/// What `graft inspect` found at a path: for the eye, and for machines.
final class Inspection {
    private static final MathContext SIX_DIGITS = new MathContext(6);

    private final String kind;
    private final Path path;
    private final Facts facts = new Facts();
    private final Map<String, Object> values = new LinkedHashMap<>();
    private final List<Entry> tensors = new ArrayList<>();

    /// @param kind of thing: model, adapter, checkpoint, run, safetensors, gguf
    Inspection(String kind, Path path) {
        this.kind = kind;
        this.path = path;
        values.put("kind", kind);
        values.put("path", path.toString());
    }

    /// A fact that reads the same for both.
    Inspection add(String name, Object value) {
        return add(name, text(value), value);
    }

    /// @param name  as a key: `max_position_embeddings`
    /// @param text  for the eye
    /// @param value for machines
    Inspection add(String name, String text, Object value) {
        facts.add(name, "%s", text);
        values.put(name, value);
        return this;
    }

    /// A fact for the eye alone.
    Inspection addShown(String name, String text) {
        facts.add(name, "%s", text);
        return this;
    }

    /// A value for machines alone.
    Inspection addValue(String name, Object value) {
        values.put(name, value);
        return this;
    }

    /// Adds tensors, and how much they are together.
    ///
    /// @param what they are, as a key: `parameters`
    Inspection addTensors(String what, Iterable<Entry> entries) {
        long elements = 0;
        long bytes = 0;
        int count = 0;
        for (Entry entry : entries) {
            tensors.add(entry);
            elements += entry.elements();
            bytes += entry.bytes();
            count++;
        }
        facts.add(what, "%,d in %s, %s", elements, Facts.count(count, "tensor"), Facts.bytes(bytes));
        values.put(what, elements);
        values.put("bytes", bytes);
        return this;
    }

    /// @param width columns that facts may take
    void print(PrintWriter out, Style style, int width) {
        String heading = kind.equals("gguf") ? "GGUF" : Character.toUpperCase(kind.charAt(0)) + kind.substring(1);
        out.println(style.bold(heading) + "  " + TerminalText.safe(path.toString()));
        facts.print(out, style, width);
        if (!tensors.isEmpty()) {
            out.println();
            new TensorTable(tensors).lines(style).forEach(out::println);
        }
    }

    Map<String, Object> json() {
        Map<String, Object> all = new LinkedHashMap<>(values);
        if (!tensors.isEmpty()) {
            all.put("tensors", tensors.stream().map(Inspection::described).toList());
        }
        return all;
    }

    private static Map<String, Object> described(Entry entry) {
        Map<String, Object> one = new LinkedHashMap<>();
        one.put("name", entry.name());
        one.put("dtype", entry.dtypeName());
        one.put("shape", entry.shape());
        one.put("bytes", entry.bytes());
        return one;
    }

    private static String text(Object value) {
        return switch (value) {
            case null -> "none";
            case Integer number -> Facts.count(number);
            case Long number -> Facts.count(number);
            case Double number ->
                new BigDecimal(number, SIX_DIGITS).stripTrailingZeros().toPlainString();
            case Map<?, ?> map when map.isEmpty() -> "none";
            case Map<?, ?> map ->
                map.entrySet().stream()
                        .filter(pair -> pair.getValue() != null)
                        .map(pair -> pair.getKey() + " " + text(pair.getValue()))
                        .collect(Collectors.joining(", "));
            case List<?> list when list.isEmpty() -> "none";
            case List<?> list -> list.stream().map(Inspection::text).collect(Collectors.joining(", "));
            default -> value.toString();
        };
    }
}
