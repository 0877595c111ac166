package dev.graft.train;

import dev.graft.format.AtomicFiles;
import dev.graft.format.Json;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// `metrics.jsonl`: one JSON object a logged step, each line written whole as it happens; steps after
/// which the held-out rows were asked are always logged.
///
/// A logged value is the mean over the steps since the line before, except `grad_norm` and
/// `learning_rate`, which are those of the step itself. A resumed run first drops the lines after its
/// checkpoint.
public final class MetricsFile implements TrainingEvent.Listener {
    private final Path file;
    private final int loggingSteps;
    private double lossSum;
    private long labelled;
    private long tokens;
    private double seconds;

    /// @param loggingSteps steps between two lines
    public MetricsFile(Path file, int loggingSteps) {
        this.file = file;
        this.loggingSteps = loggingSteps;
    }

    /// Drops the lines of steps after `step`, which a resumed run will write again, and what a crash
    /// left half-written.
    public void rewindTo(int step) {
        if (!Files.exists(file)) {
            return;
        }
        try {
            List<String> kept = new ArrayList<>();
            for (String line : Files.readAllLines(file)) {
                if (line.matches("\\{\"step\":\\d+[,}].*") && line.endsWith("}") && stepOf(line) <= step) {
                    kept.add(line);
                }
            }
            AtomicFiles.writeString(file, String.join("\n", kept) + (kept.isEmpty() ? "" : "\n"));
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + file, e);
        }
    }

    private static int stepOf(String line) {
        return Integer.parseInt(line.replaceFirst("\\{\"step\":(\\d+).*", "$1"));
    }

    @Override
    public void on(TrainingEvent event) {
        switch (event) {
            case TrainingEvent.Stepped stepped -> add(stepped);
            case TrainingEvent.Saved saved -> {}
        }
    }

    private void add(TrainingEvent.Stepped step) {
        lossSum += step.loss() * step.labelledTokens();
        labelled += step.labelledTokens();
        tokens += step.tokens();
        seconds += step.tokens() / step.tokensPerSecond();
        boolean due = step.step() % loggingSteps == 0 || step.step() == step.steps() || step.step() == 1;
        if (due || step.heldOut().isPresent()) {
            Map<String, Object> values = new LinkedHashMap<>();
            values.put("loss", lossSum / labelled);
            values.put("learning_rate", step.learningRate());
            values.put("grad_norm", step.gradientNorm());
            values.put("tokens_per_second", tokens / seconds);
            step.heldOut().ifPresent(held -> values.put("eval_loss", held.loss()));
            ProcessMemory.peakResidentMegabytes().ifPresent(peak -> values.put("peak_rss_mb", peak));
            values.put("tokens", step.totalTokens());
            values.put("seconds", step.seconds());
            write(values, step.step());
            lossSum = 0;
            labelled = 0;
            tokens = 0;
            seconds = 0;
        }
    }

    private void write(Map<String, ?> values, int step) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("step", step);
        line.putAll(values);
        try {
            Files.writeString(file, Json.line(line) + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write " + file, e);
        }
    }
}
