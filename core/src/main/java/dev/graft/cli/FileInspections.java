package dev.graft.cli;

import dev.graft.format.Gguf;
import dev.graft.format.GgufValue;
import dev.graft.format.Llama2c;
import dev.graft.format.Safetensors.Entry;
import dev.graft.tensor.DType;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// Describes models that are one file, in the words of the file, also those Graft does not run.
final class FileInspections {
    private static final int LONGEST_LIST = 8;

    private FileInspections() {}

    static Inspection gguf(Path path) {
        try (Gguf gguf = Gguf.open(path)) {
            var found = new Inspection("gguf", path);
            if (gguf.files().size() > 1) {
                found.add("files", gguf.files().size());
            }
            Map<String, Object> all = new LinkedHashMap<>();
            gguf.metadata().forEach((key, value) -> {
                Object shown = brief(value);
                all.put(key, shown);
                found.addShown(key, oneLine(String.valueOf(shown)));
            });
            found.addValue("metadata", all);
            return found.addTensors("parameters", gguf.entries().values());
        }
    }

    /// Long lists (a vocabulary) as their length.
    private static Object brief(GgufValue value) {
        return switch (value) {
            case GgufValue.Texts texts
            when texts.values().size() > LONGEST_LIST ->
                Facts.count(texts.values().size(), "text");
            case GgufValue.Numbers numbers when numbers.size() > LONGEST_LIST -> Facts.count(numbers.size(), "number");
            default -> value.plain();
        };
    }

    private static String oneLine(String text) {
        String line = text.replace("\n", "⏎");
        return line.length() > 160 ? line.substring(0, 160) + " …" : line;
    }

    static Inspection llama2c(Path path) {
        try (Llama2c file = Llama2c.open(path)) {
            var found = new Inspection("checkpoint of llama2.c", path);
            found.add("version", file.version())
                    .add("dim", file.width())
                    .add("hidden_dim", file.inner())
                    .add("n_layers", file.layers())
                    .add("n_heads", file.heads())
                    .add("n_kv_heads", file.keyHeads())
                    .add("vocab_size", file.vocabulary())
                    .add("seq_len", file.positions())
                    .add("shared_classifier", file.sharedClassifier());
            List<Entry> entries = new ArrayList<>();
            file.parts().forEach((name, part) -> {
                boolean packed = file.isPacked(name);
                long bytes = (packed ? 1 : 4) * part.elements();
                entries.add(new Entry(
                        name,
                        packed ? "Q80" : "F32",
                        Optional.of(DType.F32),
                        part.shape(),
                        part.values(),
                        part.values() + bytes));
            });
            return found.addTensors("parameters", entries);
        }
    }
}
