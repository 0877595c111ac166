package dev.graft.cli;

import dev.graft.eval.Agreement;
import dev.graft.eval.HeldOut;
import dev.graft.export.QuantisationReport;
import dev.graft.export.QuantisedLayer;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// What `graft quantize` tells: in a few lines, and whole as JSON.
final class QuantizeSummary {
    /// Hash of the weights that were quantised.
    static final String SOURCE_HASH = "source_weights_sha256";

    /// Hash of what became of them.
    static final String HASH = "weights_sha256";

    private static final int SHOWN = 3;

    private final QuantisationReport report;
    private final Facts facts = new Facts();
    private final Map<String, Object> json = new LinkedHashMap<>();

    QuantizeSummary(Path source, String format, QuantisationReport report) {
        this.report = report;
        json.put("source", source.toString());
        json.put("format", format);
        facts.add("format", "%s", format)
                .add(
                        "quantised",
                        "%s, %.2f bits a weight",
                        Facts.count(report.layers().size(), "layer"),
                        report.bitsPerWeight())
                .add(
                        "size",
                        "%s, before %s (%.1f %%)",
                        Facts.bytes(report.bytesAfter()),
                        Facts.bytes(report.bytesBefore()),
                        100.0 * report.bytesAfter() / report.bytesBefore());
        List<QuantisedLayer> worst = report.worstFirst();
        double mean =
                worst.stream().mapToDouble(QuantisedLayer::error).average().orElse(0);
        facts.add("error", "%.3g %% on average", 100 * mean);
        for (int i = 0; i < Math.min(SHOWN, worst.size()); i++) {
            facts.add(
                    i == 0 ? "worst" : " ".repeat(i),
                    "%s: %.3g %%",
                    worst.get(i).name(),
                    100 * worst.get(i).error());
        }
        addScales();
    }

    /// Scales and zero points, where the format has them.
    private void addScales() {
        List<QuantisedLayer.Affine> affine = report.layers().stream()
                .flatMap(layer -> layer.affine().stream())
                .toList();
        if (affine.isEmpty()) {
            return;
        }
        facts.add(
                "weights",
                "scales %.3g to %.3g, zero points %d to %d",
                affine.stream()
                        .mapToDouble(QuantisedLayer.Affine::smallestScale)
                        .min()
                        .orElseThrow(),
                affine.stream()
                        .mapToDouble(QuantisedLayer.Affine::largestScale)
                        .max()
                        .orElseThrow(),
                affine.stream()
                        .mapToLong(QuantisedLayer.Affine::lowestZero)
                        .min()
                        .orElseThrow(),
                affine.stream()
                        .mapToLong(QuantisedLayer.Affine::highestZero)
                        .max()
                        .orElseThrow());
        var inputs = affine.stream().flatMap(one -> one.input().stream()).toList();
        if (!inputs.isEmpty()) {
            facts.add(
                    "inputs",
                    "scales %.3g to %.3g, zero points %d to %d",
                    inputs.stream().mapToDouble(steps -> steps.scale()).min().orElseThrow(),
                    inputs.stream().mapToDouble(steps -> steps.scale()).max().orElseThrow(),
                    inputs.stream().mapToInt(steps -> steps.zero()).min().orElseThrow(),
                    inputs.stream().mapToInt(steps -> steps.zero()).max().orElseThrow());
        }
    }

    /// By which adapters of either know the other.
    void hashes(String source, String quantised) {
        json.put(SOURCE_HASH, source);
        json.put(HASH, quantised);
    }

    /// Layers that bitsandbytes cannot pack for Transformers.
    void experts(int layers) {
        if (layers > 0) {
            json.put("experts_as_they_are", layers);
            facts.add(
                    "as they are",
                    "%s of experts and routers, which Transformers has stacked and bitsandbytes does not pack; load_in_4bit packs them in memory",
                    Facts.count(layers, "layer"));
        }
    }

    void peakMegabytes(long megabytes) {
        json.put("peak_memory_mb", megabytes);
        facts.add("peak memory", "%s, without the mapped files of the model", Progress.megabytes(megabytes));
    }

    void perplexities(ModelQuantization.Perplexities measured) {
        HeldOut before = measured.before();
        HeldOut after = measured.after();
        facts.add("measured on", "%s", measured.what())
                .add(
                        "perplexity",
                        "%.4f, before %.4f (%+.2f %%)",
                        after.perplexity(),
                        before.perplexity(),
                        100 * (after.perplexity() / before.perplexity() - 1));
        json.put("eval", measured.what());
        json.put("perplexity_before", before.perplexity());
        json.put("perplexity_after", after.perplexity());
    }

    void agreement(AdapterQuantization.Compared compared) {
        Agreement found = compared.found();
        facts.add("measured on", "%s", compared.what())
                .add("KL", "mean %.2g, at most %.2g nats a token", found.meanKl(), found.maxKl())
                .add("perplexity", "%.4f, before %.4f", found.perplexity(), found.referencePerplexity());
        json.put("eval", compared.what());
        json.put("mean_kl", found.meanKl());
        json.put("max_kl", found.maxKl());
        json.put("perplexity_before", found.referencePerplexity());
        json.put("perplexity_after", found.perplexity());
    }

    Map<String, Object> json() {
        Map<String, Object> all = new LinkedHashMap<>(json);
        all.putAll(report.json());
        return all;
    }

    void print(PrintWriter out, Style style) {
        facts.print(out, style);
    }
}
