package dev.graft.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.graft.format.AdapterWeights;
import dev.graft.format.FormatException;
import dev.graft.format.Gguf;
import dev.graft.format.Json;
import dev.graft.format.Llama2c;
import dev.graft.format.Pickle;
import dev.graft.format.Safetensors;
import dev.graft.format.Safetensors.Entry;
import dev.graft.format.WeightFiles;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/// Tells what lies at a path and describes it.
final class Inspections {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String KNOWN = "graft inspect describes the folder of a model (config.json), of an adapter"
            + " (adapter_config.json), of a checkpoint (trainer_state.json) or of a run (recipe.yaml with"
            + " metrics.jsonl), .safetensors and .gguf files, llama2.c's .bin checkpoints, and tokenizers"
            + " (tokenizer.json, a SentencePiece .model, vocab.txt)";

    private Inspections() {}

    /// @throws FormatException          for a damaged file
    /// @throws IllegalArgumentException for anything that is none of these
    static Inspection of(Path path) {
        if (Files.isDirectory(path)) {
            return ofDirectory(path);
        }
        if (!Files.exists(path)) {
            throw new IllegalArgumentException("%s: no such file or folder".formatted(path));
        }
        if (TokenizerInspection.isFile(path)) {
            return TokenizerInspection.of(path);
        }
        if (!path.getFileName().toString().matches(".*\\.(safetensors|gguf|bin|pt|pth|ckpt|pkl|pickle)")) {
            throw new IllegalArgumentException("%s is none of what can be inspected; %s".formatted(path, KNOWN));
        }
        return ofFile(path);
    }

    private static Inspection ofDirectory(Path directory) {
        if (has(directory, "trainer_state.json")) {
            return checkpoint(directory);
        }
        if (has(directory, "recipe.yaml") && (has(directory, "metrics.jsonl") || has(directory, "report.json"))) {
            return run(directory);
        }
        if (AdapterWeights.isFolder(directory)) {
            return AdapterInspection.of(directory);
        }
        if (has(directory, "config.json")) {
            return ModelInspection.of(directory);
        }
        if (TokenizerInspection.isFolder(directory)) {
            return TokenizerInspection.of(directory);
        }
        throw new IllegalArgumentException(
                "%s holds none of what can be inspected (%s); %s".formatted(directory, contents(directory), KNOWN));
    }

    private static Inspection ofFile(Path file) {
        if (file.getFileName().toString().matches("tok.*\\.bin") && !Pickle.isOne(file)) {
            throw new FormatException(
                    file,
                    "this is the vocabulary of a llama2.c checkpoint, by its name",
                    "the checkpoint",
                    "Give the .bin of the model; its vocabulary is read from beside it.");
        }
        if (Pickle.isOne(file)) {
            throw Pickle.refusal(file);
        }
        if (Gguf.isNamedSo(file)) {
            return FileInspections.gguf(file);
        }
        if (Llama2c.isNamedSo(file)) {
            return FileInspections.llama2c(file);
        }
        try (Safetensors tensors = Safetensors.open(file)) {
            var found = new Inspection("safetensors", file);
            if (!tensors.metadata().isEmpty()) {
                found.add("metadata", tensors.metadata());
            }
            return found.addTensors("elements", tensors.entries().values());
        }
    }

    private static Inspection checkpoint(Path directory) {
        JsonNode state = Json.readObject(directory.resolve("trainer_state.json"), "the state of a checkpoint");
        var found = new Inspection("checkpoint", directory);
        state.properties().forEach(field -> found.add(field.getKey(), plain(field.getValue())));
        Path optimizer = directory.resolve("optimizer.safetensors");
        try (WeightFiles weights = WeightFiles.openFile(directory.resolve("parameters.safetensors"));
                WeightFiles moments = WeightFiles.openFile(optimizer)) {
            found.add(
                    "optimizer",
                    "%s, %s"
                            .formatted(
                                    Facts.count(moments.names().size(), "tensor"), Facts.bytes(moments.totalBytes())),
                    Map.of("tensors", moments.names().size(), "bytes", moments.totalBytes()));
            return found.addTensors("parameters", entries(weights));
        }
    }

    private static Inspection run(Path directory) {
        var found = new Inspection("run", directory);
        Path recipe = directory.resolve("recipe.yaml");
        try {
            if (YamlNode.parse(Files.readString(recipe), recipe.toString()) instanceof YamlNode.Section section) {
                section.entries().forEach((key, entry) -> found.add(key, plain(entry.value())));
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + recipe, e);
        }
        Path report = directory.resolve("report.json");
        if (Files.exists(report)) {
            found.add("report", plain(Json.readObject(report, "the report of a run")));
        } else {
            found.add("report", "none yet: the run goes on, or was interrupted", null);
        }
        List<String> checkpoints = list(directory.resolve("checkpoints")).stream()
                .filter(name -> name.matches("step-\\d{1,9}"))
                .sorted(Comparator.comparingInt(name -> Integer.parseInt(name.substring(5))))
                .toList();
        found.add("checkpoints", checkpoints);
        found.add(
                "files",
                Stream.of("adapter", "model", "report.html")
                        .filter(made -> has(directory, made))
                        .toList());
        return found;
    }

    static List<Entry> entries(WeightFiles weights) {
        return weights.names().stream().map(weights::entry).toList();
    }

    /// A JSON value in the plain types of Java.
    static Object plain(JsonNode value) {
        return JSON.convertValue(value, Object.class);
    }

    private static Object plain(YamlNode node) {
        return switch (node) {
            case YamlNode.Scalar scalar -> scalar.text();
            case YamlNode.Nothing nothing -> null;
            case YamlNode.Items items -> {
                List<Object> all = new ArrayList<>();
                items.items().forEach(item -> all.add(plain(item)));
                yield all;
            }
            case YamlNode.Section section -> {
                Map<String, Object> all = new LinkedHashMap<>();
                section.entries().forEach((key, entry) -> all.put(key, plain(entry.value())));
                yield all;
            }
        };
    }

    private static boolean has(Path directory, String file) {
        return Files.exists(directory.resolve(file));
    }

    private static String contents(Path directory) {
        List<String> names = list(directory);
        if (names.isEmpty()) {
            return "it is empty";
        }
        return String.join(", ", names.subList(0, Math.min(5, names.size()))) + (names.size() > 5 ? " …" : "");
    }

    private static List<String> list(Path directory) {
        if (!Files.isDirectory(directory)) {
            return List.of();
        }
        try (Stream<Path> inside = Files.list(directory)) {
            return inside.map(path -> path.getFileName().toString()).sorted().toList();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot list " + directory, e);
        }
    }
}
