package dev.graft.model;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.autograd.Tape;
import dev.graft.autograd.Value;
import dev.graft.format.Safetensors;
import dev.graft.format.SafetensorsWriter;
import dev.graft.format.SafetensorsWriter.Part;
import dev.graft.nn.LinearFactory;
import dev.graft.nn.TokenRun;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;

/// A tiny model under `goldens/` with the logits that Transformers gives for some sequences; made by
/// a script in `scripts/` that `logits.json` names.
record Golden(Path directory) {
    private static final ObjectMapper JSON = new ObjectMapper();

    static Golden named(String name) {
        return new Golden(Path.of("src/test/resources/goldens", name));
    }

    LanguageModel load(LinearFactory factory, DType computeType) {
        return Architectures.load(directory, factory, Device.cpu(), computeType);
    }

    LanguageModel frozen() {
        return load(LinearFactory.frozen(), DType.F32);
    }

    List<int[]> sequences() {
        return List.of(JSON.convertValue(record().get("sequences"), int[][].class));
    }

    private JsonNode record() {
        try {
            return JSON.readTree(directory.resolve("logits.json").toFile());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    boolean hasGradients() {
        return record().has("gradients");
    }

    /// Sum of the log-probabilities of each next token of the last sequence.
    double sumOfLogProbabilities() {
        return record().path("gradients").get("sum_of_log_probabilities").asDouble();
    }

    /// Norm of the gradient of [#sumOfLogProbabilities] for each tensor.
    Map<String, Double> gradientNorms() {
        Map<String, Double> norms = new TreeMap<>();
        record().path("gradients").path("norms").forEachEntry((name, norm) -> norms.put(name, norm.asDouble()));
        return norms;
    }

    /// An adapter of every linear layer that PEFT saved, with the logits of the model that wears it.
    Path adapter() {
        return directory.resolve("adapter-linear");
    }

    float[] adaptedLogits(int sequence) {
        return logits(adapter(), sequence);
    }

    /// Logits of one sequence, `[time · vocab]`.
    float[] logits(int sequence) {
        return logits(directory, sequence);
    }

    private static float[] logits(Path folder, int sequence) {
        try (Safetensors file = Safetensors.open(folder.resolve("logits.safetensors"))) {
            MemorySegment data = file.data("logits." + sequence);
            return data.toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
        }
    }

    /// All sequences, one after another.
    int[] joined() {
        return sequences().stream().flatMapToInt(Arrays::stream).toArray();
    }

    /// Offsets of the sequences in [#joined], and its length.
    int[] starts() {
        int[] starts = new int[sequences().size() + 1];
        for (int i = 0; i < sequences().size(); i++) {
            starts[i + 1] = starts[i] + sequences().get(i).length;
        }
        return starts;
    }

    /// All golden logits, one sequence after another.
    float[] joinedLogits() {
        float[] all = new float[0];
        for (int i = 0; i < sequences().size(); i++) {
            float[] part = logits(i);
            float[] longer = Arrays.copyOf(all, all.length + part.length);
            System.arraycopy(part, 0, longer, all.length, part.length);
            all = longer;
        }
        return all;
    }

    /// Logits of a run without recording.
    static float[] logits(LanguageModel model, TokenRun run) {
        try (Scope scope = Scope.open();
                Tape tape = Tape.silent(Device.cpu())) {
            Value hidden = model.hidden(tape, run);
            return model.logits(hidden.data()).toFloats();
        }
    }

    /// A copy of the model elsewhere, with another configuration.
    Golden withConfig(Path target, Consumer<ObjectNode> change) {
        return copy(target, change, UnaryOperator.identity());
    }

    /// A copy of the model elsewhere, with other tensors.
    Golden withTensors(Path target, UnaryOperator<List<Part>> change) {
        return copy(target, config -> {}, change);
    }

    private Golden copy(Path target, Consumer<ObjectNode> config, UnaryOperator<List<Part>> tensors) {
        try (Safetensors file = Safetensors.open(directory.resolve("model.safetensors"))) {
            ObjectNode root =
                    (ObjectNode) JSON.readTree(directory.resolve("config.json").toFile());
            config.accept(root);
            Files.createDirectories(target);
            JSON.writeValue(target.resolve("config.json").toFile(), root);
            List<Part> parts = new ArrayList<>();
            file.entries()
                    .forEach((name, entry) ->
                            parts.add(new Part(name, entry.dtype().orElseThrow(), entry.shape(), file.data(name))));
            SafetensorsWriter.write(target.resolve("model.safetensors"), tensors.apply(parts));
            return new Golden(target);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
