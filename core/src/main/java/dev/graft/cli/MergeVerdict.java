package dev.graft.cli;

import dev.graft.eval.Agreement;
import dev.graft.export.MergeReport;
import dev.graft.export.MergedTensor;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/// What a merge did, measured against what is allowed.
///
/// @param request   what was asked for, by name
/// @param probe     says what the models were compared on; empty when they were not
/// @param agreement of the merged model with what it stands for
record MergeVerdict(
        Map<String, Object> request,
        MergeReport report,
        Optional<String> probe,
        Optional<Agreement> agreement,
        Limits limits) {
    private static final int SHOWN = 3;

    /// @param maxKl       mean KL divergence allowed, in nats
    /// @param maxRounding `‖saved − (W + ΔW)‖ / ‖ΔW‖` allowed of any tensor; infinite for no limit
    record Limits(double maxKl, double maxRounding) {}

    /// Everything that is beyond its limit, a sentence each; NaN is beyond any.
    List<String> faults() {
        List<String> faults = new ArrayList<>();
        report.worstFirst().stream().findFirst().ifPresent(worst -> {
            if (!(worst.roundingError() <= limits.maxRounding)) {
                faults.add(text(
                        "rounding to %s moves %s by %s %% of what the adapter changes in it, and --max-rounding allows %s %%",
                        worst.savedAs(), worst.name(), percent(worst.roundingError()), percent(limits.maxRounding)));
            }
        });
        agreement.ifPresent(found -> {
            if (!(found.meanKl() <= limits.maxKl)) {
                faults.add(text(
                        "on %s it predicts something else than base + adapter: mean KL %.2g nats a token, and --max-kl allows %.2g",
                        probe.orElseThrow(), found.meanKl(), limits.maxKl));
            }
        });
        return faults;
    }

    Map<String, Object> json() {
        Map<String, Object> json = new LinkedHashMap<>(request);
        json.put("passed", faults().isEmpty());
        json.put("faults", faults());
        Map<String, Object> allowed = new LinkedHashMap<>();
        allowed.put("max_kl", limits.maxKl);
        allowed.put("max_rounding", Double.isInfinite(limits.maxRounding) ? null : limits.maxRounding);
        json.put("limits", allowed);
        agreement.ifPresent(found -> {
            Map<String, Object> on = new LinkedHashMap<>();
            on.put("data", probe.orElseThrow());
            on.put("tokens", found.tokens());
            on.put("mean_kl", found.meanKl());
            on.put("max_kl", found.maxKl());
            on.put("top_1_agreement", found.topOne());
            on.put("perplexity", found.perplexity());
            on.put("reference_perplexity", found.referencePerplexity());
            json.put("probe", on);
        });
        json.putAll(report.json());
        return json;
    }

    /// The few lines that a command prints.
    void print(PrintWriter out, Style style) {
        Facts facts = new Facts()
                .add("changed", "%,d of %,d tensors, ‖ΔW‖ %.4g", report.changed(), report.tensors(), report.deltaNorm())
                .add(
                        "rounding",
                        "took %s %% of the change; %s %% of its elements left no trace",
                        percent(report.roundingError()),
                        percent(report.swallowedShare()));
        if (report.retyped() > 0) {
            facts.add(
                    "unchanged",
                    "%,d tensors rounded too, by %s %% of their norm",
                    report.retyped(),
                    percent(report.retyping()));
        }
        List<MergedTensor> worst = report.worstFirst();
        for (int i = 0; i < Math.min(SHOWN, worst.size()); i++) {
            facts.add(
                    i == 0 ? "worst" : " ".repeat(i),
                    "%s: %s %%, %s %% without a trace",
                    worst.get(i).name(),
                    percent(worst.get(i).roundingError()),
                    percent(worst.get(i).swallowedShare()));
        }
        agreement.ifPresent(
                found -> facts.add("compared on", "%s: %s", probe.orElseThrow(), Facts.count(found.tokens(), "token"))
                        .add("KL", "mean %.2g, at most %.2g nats a token", found.meanKl(), found.maxKl())
                        .add("same first choice", "%s %%", percent(found.topOne()))
                        .add(
                                "perplexity",
                                "%.5g merged, %.5g base + adapter",
                                found.perplexity(),
                                found.referencePerplexity()));
        facts.print(out, style);
    }

    /// The same with a line for every changed tensor.
    String text() {
        StringWriter text = new StringWriter();
        PrintWriter out = new PrintWriter(text);
        request.forEach((name, value) -> out.println("  %s  %s".formatted(name, value)));
        print(out, Style.PLAIN);
        faults().forEach(fault -> out.println("  beyond the limit: " + fault));
        out.println();
        int width = report.layers().stream()
                .mapToInt(layer -> layer.name().length())
                .max()
                .orElse(0);
        out.println(text(
                "%-" + Math.max(1, width) + "s  %10s  %10s  %11s  %11s",
                "tensor",
                "‖W‖",
                "‖ΔW‖",
                "rounding %",
                "no trace %"));
        for (MergedTensor layer : report.layers()) {
            out.println(text(
                    "%-" + width + "s  %10.4g  %10.4g  %11s  %11s",
                    layer.name(),
                    layer.weightNorm(),
                    layer.deltaNorm(),
                    percent(layer.roundingError()),
                    percent(layer.swallowedShare())));
        }
        return text.toString();
    }

    private static String percent(double share) {
        return String.format(Locale.ROOT, share < 0.001 ? "%.2g" : "%.2f", 100 * share);
    }

    private static String text(String format, Object... values) {
        return String.format(Locale.ROOT, format, values);
    }
}
