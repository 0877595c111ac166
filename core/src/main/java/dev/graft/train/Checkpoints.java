package dev.graft.train;

import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.autograd.Parameter;
import dev.graft.format.AtomicFiles;
import dev.graft.format.FormatException;
import dev.graft.format.Json;
import dev.graft.format.Safetensors.Entry;
import dev.graft.format.SafetensorsWriter;
import dev.graft.format.WeightFiles;
import dev.graft.optim.Optimizer;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.ObjIntConsumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/// The checkpoints of a run: folders `step-N`, each written beside its place and renamed into it, so that a
/// crash at any instant leaves the last one whole.
///
/// A checkpoint holds what the next step depends on: the float32 values that learn, the optimizer's state,
/// and where the run stands. `identity` describes what the run is (model, data, settings); a checkpoint of
/// another run is refused.
public final class Checkpoints {
    private static final Pattern NAME = Pattern.compile("step-(\\d+)");
    private static final Pattern ASIDE = Pattern.compile("\\.(step-\\d+)\\.old"); // see [AtomicFiles#directory]
    private static final String STATE = "trainer_state.json";
    private static final String PARAMETERS = "parameters.safetensors";
    private static final String OPTIMIZER = "optimizer.safetensors";

    private final Path directory;
    private final Map<String, String> identity;
    private final ObjIntConsumer<Path> extras;

    /// @param directory of all checkpoints of the run
    /// @param identity  what the run is, by name; compared on resuming
    /// @param extras    writes more files into each checkpoint, such as the adapter in its shipping
    ///                  format; gets the folder and the step
    public Checkpoints(Path directory, Map<String, String> identity, ObjIntConsumer<Path> extras) {
        this.directory = directory;
        this.identity = new LinkedHashMap<>(identity);
        this.extras = extras;
    }

    /// The checkpoint of the highest step.
    public Optional<Path> latest() {
        List<Path> all = all();
        return all.isEmpty() ? Optional.empty() : Optional.of(all.getLast());
    }

    /// Step of the latest checkpoint; 0 when there is none.
    public int latestStep() {
        return latest().map(Checkpoints::stepOf).orElse(0);
    }

    private List<Path> all() {
        if (!Files.isDirectory(directory)) {
            return List.of();
        }
        recover();
        try (Stream<Path> entries = Files.list(directory)) {
            return entries.filter(
                            path -> NAME.matcher(path.getFileName().toString()).matches())
                    .sorted(Comparator.comparingInt(Checkpoints::stepOf))
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot list " + directory, e);
        }
    }

    /// Brings back checkpoints that had stepped aside for a new one when the process was killed.
    private void recover() {
        try (Stream<Path> entries = Files.list(directory)) {
            entries.map(path -> ASIDE.matcher(path.getFileName().toString()))
                    .filter(Matcher::matches)
                    .map(name -> directory.resolve(name.group(1)))
                    .toList()
                    .forEach(AtomicFiles::recover);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot list " + directory, e);
        }
    }

    private static int stepOf(Path checkpoint) {
        Matcher matcher = NAME.matcher(checkpoint.getFileName().toString());
        return matcher.matches() ? Integer.parseInt(matcher.group(1)) : -1;
    }

    /// Refuses the latest checkpoint, when there is one, if it belongs to another run.
    public void requireSameRun() {
        latest().map(checkpoint -> checkpoint.resolve(STATE)).ifPresent(file -> requireSameRun(file, readState(file)));
    }

    private static JsonNode readState(Path file) {
        return Json.readObject(file, "the state of a checkpoint");
    }

    /// Writes a checkpoint and deletes the oldest beyond `keep`.
    ///
    /// @param keep how many stay; 0 for all
    /// @return the new checkpoint's folder
    Path save(Trainer.Progress progress, List<Parameter> parameters, Optimizer optimizer, int keep) {
        Path target = directory.resolve("step-" + progress.step());
        createDirectory();
        AtomicFiles.directory(target, true, folder -> {
            Map<String, Tensor> values = new LinkedHashMap<>();
            parameters.forEach(p -> values.put(p.name(), p.master()));
            write(folder.resolve(PARAMETERS), values);
            try (Scope scope = Scope.open()) {
                write(folder.resolve(OPTIMIZER), optimizer.state());
            }
            AtomicFiles.writeString(folder.resolve(STATE), Json.pretty(state(progress, optimizer)));
            extras.accept(folder, progress.step());
        });
        List<Path> all = all();
        if (keep > 0 && all.size() > keep) {
            all.subList(0, all.size() - keep).forEach(AtomicFiles::delete);
        }
        return target;
    }

    private void createDirectory() {
        try {
            Files.createDirectories(directory);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot create " + directory, e);
        }
    }

    private Map<String, Object> state(Trainer.Progress progress, Optimizer optimizer) {
        Map<String, Object> state = new LinkedHashMap<>();
        state.put("step", progress.step());
        state.put("micro_batches", progress.microBatches());
        state.put("tokens", progress.tokens());
        state.put("seconds", progress.seconds());
        state.put("optimizer_steps", optimizer.steps());
        state.put("run", identity);
        return state;
    }

    private static void write(Path file, Map<String, Tensor> tensors) {
        try (Scope scope = Scope.open()) {
            List<SafetensorsWriter.Part> parts = new ArrayList<>();
            tensors.forEach((name, tensor) -> {
                Tensor plain = tensor.to(Device.cpu()).contiguous();
                parts.add(new SafetensorsWriter.Part(name, plain.dtype(), plain.shape(), plain.memory()));
            });
            SafetensorsWriter.write(file, parts);
        }
    }

    /// Puts parameters and optimizer where the latest checkpoint left them; empty when there is none.
    Optional<Trainer.Progress> restoreLatest(List<Parameter> parameters, Optimizer optimizer) {
        return latest().map(checkpoint -> restore(checkpoint, parameters, optimizer));
    }

    private Trainer.Progress restore(Path checkpoint, List<Parameter> parameters, Optimizer optimizer) {
        Path file = checkpoint.resolve(STATE);
        JsonNode state = readState(file);
        requireSameRun(file, state);
        try (WeightFiles values = WeightFiles.openFile(checkpoint.resolve(PARAMETERS));
                Scope scope = Scope.open()) {
            for (Parameter parameter : parameters) {
                parameter.set(read(values, parameter.name()));
            }
        }
        try (WeightFiles moments = WeightFiles.openFile(checkpoint.resolve(OPTIMIZER));
                Scope scope = Scope.open()) {
            optimizer.load(
                    (long) number(file, state, "optimizer_steps"),
                    name -> moments.names().contains(name) ? Optional.of(read(moments, name)) : Optional.empty());
        }
        return new Trainer.Progress(
                (int) number(file, state, "step"),
                (long) number(file, state, "micro_batches"),
                (long) number(file, state, "tokens"),
                number(file, state, "seconds"));
    }

    private static double number(Path file, JsonNode state, String key) {
        JsonNode value = state.path(key);
        if (!value.isNumber() || value.asDouble() < 0) {
            throw new FormatException(
                    file,
                    value.isMissingNode() ? "it has no " + key : "%s is %s".formatted(key, value),
                    "a number of 0 or more, as a run writes it",
                    "Delete this checkpoint, and the run resumes from the one before.");
        }
        return value.asDouble();
    }

    private void requireSameRun(Path file, JsonNode state) {
        JsonNode stored = state.path("run");
        List<String> differences = new ArrayList<>();
        identity.forEach((key, value) -> {
            String other = stored.path(key).asText("absent");
            if (!other.equals(value)) {
                differences.add("%s was %s and is %s now".formatted(key, other, value));
            }
        });
        if (!differences.isEmpty()) {
            throw new FormatException(
                    file,
                    "it belongs to another run: " + String.join("; ", differences),
                    "a checkpoint of this recipe and these files",
                    "Resume with what the run was started with, or start a new run with another --output.");
        }
    }

    /// Over the memory of the file, so that a state larger than RAM can be read too.
    private static Tensor read(WeightFiles files, String name) {
        Entry entry = files.entry(name);
        return Tensor.over(files.data(name), entry.dtype().orElseThrow(), entry.shape());
    }
}
