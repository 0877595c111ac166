package dev.graft.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.graft.eval.Answers;
import dev.graft.eval.HeldOut;
import dev.graft.eval.HtmlReport;
import dev.graft.eval.RunReport;
import dev.graft.format.AtomicFiles;
import dev.graft.format.Json;
import dev.graft.model.LanguageModel;
import dev.graft.tensor.DType;
import dev.graft.tensor.Torch;
import dev.graft.train.ProcessMemory;
import dev.graft.train.TrainingResult;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/// What a finished run has to say: `report.json`, `report.html`, and the last lines on the terminal.
record RunSummary(
        Recipe recipe,
        LanguageModel model,
        TrainingData data,
        TrainingRun.Measured before,
        TrainingRun.Measured after,
        TrainingResult result,
        double seconds,
        DType computeType,
        long optimizerStateBytes) {

    /// Held-out numbers as one line.
    static String line(TrainingRun.Measured measured, int exactMatchRows) {
        HeldOut loss = measured.heldOut().orElseThrow();
        String line = String.format(
                Locale.ROOT,
                "loss %.4f  perplexity %.2f  token accuracy %.1f %%",
                loss.loss(),
                loss.perplexity(),
                100 * loss.tokenAccuracy());
        Answers compared = compared(measured.answers(), exactMatchRows);
        if (compared.answers().isEmpty()) {
            return line;
        }
        return line
                + String.format(
                        Locale.ROOT,
                        "  exact match %.1f %% of %d",
                        100 * compared.exactMatch(),
                        compared.answers().size());
    }

    private static Answers compared(Answers answers, int rows) {
        return new Answers(answers.answers().stream().limit(rows).toList());
    }

    static String number(double value) {
        return BigDecimal.valueOf(value).stripTrailingZeros().toPlainString();
    }

    void write(RunDirectory directory) {
        AtomicFiles.writeString(directory.reportJson(), Json.pretty(json()) + "\n");
        AtomicFiles.writeString(directory.reportHtml(), HtmlReport.page(page(directory)));
    }

    private Map<String, Object> json() {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("model", recipe.model().toString());
        json.put("steps", result.steps());
        put(
                json,
                "eval_loss",
                before.heldOut().map(HeldOut::loss),
                after.heldOut().map(HeldOut::loss));
        put(
                json,
                "perplexity",
                before.heldOut().map(HeldOut::perplexity),
                after.heldOut().map(HeldOut::perplexity));
        put(
                json,
                "token_accuracy",
                before.heldOut().map(HeldOut::tokenAccuracy),
                after.heldOut().map(HeldOut::tokenAccuracy));
        json.put("exact_match_before", finite(exactMatch(before)));
        json.put("exact_match_after", finite(exactMatch(after)));
        json.put(
                "exact_match_rows",
                compared(after.answers(), recipe.evaluation().exactMatchRows())
                        .answers()
                        .size());
        json.put("train_loss_last", finite(result.lastLoss()));
        json.put("trainable_parameters", trainable());
        json.put("total_parameters", model.totalParameters());
        json.put("train_tokens", result.tokens());
        json.put("train_seconds", result.seconds());
        json.put("seconds", seconds);
        json.put("tokens_per_second", result.tokensPerSecond());
        json.put("optimizer_state_bytes", optimizerStateBytes);
        ProcessMemory.peakResidentMegabytes().ifPresent(peak -> json.put("peak_rss_mb", peak));
        json.put("data_sha256", data.hash());
        json.put("environment", environment());
        return json;
    }

    private static void put(Map<String, Object> json, String name, Optional<Double> before, Optional<Double> after) {
        json.put(name + "_before", before.orElse(null));
        json.put(name + "_after", after.orElse(null));
    }

    private static Double finite(double value) {
        return Double.isFinite(value) ? (Double) value : null;
    }

    private double exactMatch(TrainingRun.Measured measured) {
        return compared(measured.answers(), recipe.evaluation().exactMatchRows())
                .exactMatch();
    }

    private long trainable() {
        return model.parameters().stream().mapToLong(p -> p.master().elements()).sum();
    }

    private Map<String, String> environment() {
        Map<String, String> environment = new LinkedHashMap<>();
        environment.put("graft", Main.version());
        environment.put("java", System.getProperty("java.vm.version"));
        environment.put("libtorch", Torch.version());
        environment.put("system", System.getProperty("os.name") + " " + System.getProperty("os.arch"));
        environment.put("processor", Torch.cpuName());
        environment.put("threads", String.valueOf(Torch.threads()));
        environment.put("dtype", Precisions.name(computeType));
        return environment;
    }

    private RunReport page(RunDirectory directory) {
        List<RunReport.Headline> headlines = new ArrayList<>();
        if (before.heldOut().isPresent()) {
            HeldOut was = before.heldOut().get();
            HeldOut is = after.heldOut().orElseThrow();
            headlines.add(RunReport.Headline.loss(was.loss(), is.loss()));
            headlines.add(RunReport.Headline.perplexity(was.perplexity(), is.perplexity()));
            headlines.add(RunReport.Headline.tokenAccuracy(was.tokenAccuracy(), is.tokenAccuracy()));
            if (Double.isFinite(exactMatch(before))) {
                headlines.add(RunReport.Headline.exactMatch(exactMatch(before), exactMatch(after)));
            }
        }
        return new RunReport(
                directory.path().toAbsolutePath().normalize().getFileName().toString(),
                settings(),
                points(directory.metrics()),
                headlines,
                new RunReport.Parameters(trainable(), model.totalParameters()),
                seconds,
                result.tokensPerSecond(),
                samples(),
                data.examples(),
                environment());
    }

    private Map<String, Map<String, String>> settings() {
        Map<String, Map<String, String>> sections = new LinkedHashMap<>();
        RecipeWriter.tree(recipe).forEach((key, value) -> {
            if (value instanceof Map<?, ?> section) {
                Map<String, String> rows = new LinkedHashMap<>();
                section.forEach((k, v) -> {
                    if (v != null) {
                        rows.put(k.toString(), v.toString());
                    }
                });
                sections.put(key, rows);
            } else {
                sections.computeIfAbsent("run", k -> new LinkedHashMap<>()).put(key, String.valueOf(value));
            }
        });
        sections.put("rows", data.facts());
        return sections;
    }

    private List<RunReport.Sample> samples() {
        List<RunReport.Sample> samples = new ArrayList<>();
        int count = Math.min(
                recipe.evaluation().samples(), after.answers().answers().size());
        for (int i = 0; i < count; i++) {
            Answers.Answer was = before.answers().answers().get(i);
            Answers.Answer is = after.answers().answers().get(i);
            samples.add(new RunReport.Sample(
                    was.question().prompt(), was.question().answer(), was.text(), is.text(), is.exact()));
        }
        return samples;
    }

    /// The lines of `metrics.jsonl`, after the measurement before the first step.
    private List<RunReport.Point> points(Path metrics) {
        List<RunReport.Point> points = new ArrayList<>();
        before.heldOut()
                .ifPresent(was -> points.add(new RunReport.Point(
                        0, Double.NaN, Double.NaN, Double.NaN, Double.NaN, Double.NaN, OptionalDouble.of(was.loss()))));
        ObjectMapper mapper = new ObjectMapper();
        try {
            for (String line : Files.readAllLines(metrics)) {
                JsonNode node = mapper.readTree(line);
                points.add(new RunReport.Point(
                        node.path("step").asInt(),
                        node.path("loss").asDouble(Double.NaN),
                        node.path("learning_rate").asDouble(Double.NaN),
                        node.path("grad_norm").asDouble(Double.NaN),
                        node.path("tokens_per_second").asDouble(Double.NaN),
                        node.path("peak_rss_mb").asDouble(Double.NaN),
                        node.has("eval_loss")
                                ? OptionalDouble.of(node.path("eval_loss").asDouble())
                                : OptionalDouble.empty()));
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + metrics, e);
        }
        return points;
    }

    void print(Console console, RunDirectory directory, boolean adapter) {
        for (RunReport.Sample sample : samples()) {
            console.say("");
            console.say("prompt    " + shortened(sample.prompt(), console));
            console.say("expected  " + shortened(sample.expected(), console));
            console.say("base      " + shortened(sample.base(), console));
            console.say("%s %s %s"
                    .formatted(
                            adapter ? "adapted  " : "trained  ",
                            shortened(sample.trained(), console),
                            sample.isExact() ? "✓" : "✗"));
        }
        console.say("");
        console.say(String.format(
                Locale.ROOT,
                "done in %.0f s (%.0f s training, %,.0f tokens/s)",
                seconds,
                result.seconds(),
                result.tokensPerSecond()));
        console.say("%s   %s"
                .formatted(
                        adapter ? "adapter" : "model  ",
                        Facts.path(adapter ? directory.adapter() : directory.model())));
        console.say("report    " + Facts.path(directory.reportHtml()));
    }

    private static String shortened(String text, Console console) {
        String line = text.strip().replace("\n", "⏎");
        int room = Math.max(60, console.width() - 14);
        return line.length() <= room ? line : line.substring(0, room - 1) + "…";
    }
}
