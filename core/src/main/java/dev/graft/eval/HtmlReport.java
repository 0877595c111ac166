package dev.graft.eval;

import dev.graft.eval.Chart.Series;
import dev.graft.eval.Chart.Value;
import dev.graft.eval.RunReport.Headline;
import dev.graft.eval.RunReport.Point;
import dev.graft.eval.RunReport.Sample;
import dev.graft.eval.RunReport.Unit;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;

/// A [RunReport] as one page that needs nothing else: style, charts and script are in the file.
///
/// The page is XHTML as well as HTML, follows the reader's light or dark setting, fits a phone and prints.
///
/// {@snippet :
/// Files.writeString(run.resolve("report.html"), HtmlReport.page(report));
/// }
public final class HtmlReport {
    private static final int MOST_ROWS = 100;

    private final RunReport report;
    private final StringBuilder page = new StringBuilder();

    private HtmlReport(RunReport report) {
        this.report = report;
    }

    /// The whole page.
    public static String page(RunReport report) {
        return new HtmlReport(report).whole();
    }

    private String whole() {
        header();
        headlines();
        charts();
        samples();
        page.append(TokenPage.section(report.examples()));
        settings();
        return Page.of(report.title(), page.toString());
    }

    private void header() {
        var parameters = report.parameters();
        double share = parameters.trainable() / (double) parameters.total();
        page.append("<header><p class=\"kind\">Graft run report</p><h1>%s</h1>\n<dl class=\"facts\">\n"
                .formatted(Html.escaped(report.title())));
        fact(
                "Trained weights",
                Html.number(parameters.trainable()),
                Html.percentage(share) + " of " + Html.number(parameters.total()));
        fact(
                "Steps",
                Integer.toString(
                        report.points().stream().mapToInt(Point::step).max().orElse(0)),
                "");
        fact("Duration", Html.duration(report.seconds()), "");
        fact("Speed", Html.number(report.tokensPerSecond()), "tokens/s");
        double memory = report.points().stream()
                .mapToDouble(Point::peakMegabytes)
                .filter(Double::isFinite)
                .max()
                .orElse(Double.NaN);
        fact(
                "Peak memory",
                memory < 1024 ? Html.number(memory) : Html.number(memory / 1024),
                memory < 1024 ? "MB" : "GB");
        page.append("</dl></header>\n");
    }

    private void fact(String name, String value, String unit) {
        page.append("<div><dt>%s</dt><dd>%s <small>%s</small></dd></div>\n".formatted(name, value, unit));
    }

    private void headlines() {
        if (report.headlines().isEmpty()) {
            return;
        }
        page.append("<section><h2>Before and after</h2>\n<div class=\"cards\">\n");
        report.headlines().forEach(this::headline);
        page.append("</div></section>\n");
    }

    private void headline(Headline headline) {
        page.append("""
                <div class="card"><h3>%s</h3>
                <p class="change"><span class="before">%s</span> <span class="arrow" aria-label="then">→</span> \
                <strong>%s</strong></p>
                %s</div>
                """.formatted(
                        Html.escaped(headline.name()),
                        written(headline.before(), headline.unit()),
                        written(headline.after(), headline.unit()),
                        difference(headline)));
    }

    private static String written(double value, Unit unit) {
        return unit == Unit.SHARE ? Html.percentage(value) : Html.number(value);
    }

    /// How much better or worse, and which of the two.
    private static String difference(Headline headline) {
        double change = headline.after() - headline.before();
        if (!Double.isFinite(change)) {
            return "<p class=\"difference\">not measured</p>";
        }
        boolean isShare = headline.unit() == Unit.SHARE;
        double amount = 100 * (isShare ? change : change / Math.abs(headline.before()));
        String sign = change > 0 ? "+" : change < 0 ? "−" : "±";
        String unit = isShare ? "points" : "%";
        String look = change == 0 ? "same" : change > 0 == headline.higherIsBetter() ? "better" : "worse";
        String size = Double.isFinite(amount) ? String.format(Locale.ROOT, "%.1f", Math.abs(amount)) : "–";
        return "<p class=\"difference %s\">%s%s %s, %s</p>"
                .formatted(look, sign, size, unit, look.equals("same") ? "no change" : look);
    }

    private void charts() {
        List<Value> loss = line(Point::loss);
        List<Value> evalLoss = report.points().stream()
                .filter(point -> point.evalLoss().isPresent())
                .map(point -> new Value(point.step(), point.evalLoss().getAsDouble()))
                .toList();
        List<Series> series = new ArrayList<>();
        String legend =
                "<span class=\"key mean\">training, smoothed</span><span class=\"key raw\">training, each logged"
                        + " step</span>";
        series.add(new Series("training", "raw", false, loss));
        series.add(new Series("smoothed", "mean", false, Chart.smoothed(loss)));
        if (!evalLoss.isEmpty()) {
            series.add(new Series("held out", "held-out", true, evalLoss));
            legend += "<span class=\"key held-out\">held out</span>";
        }
        var lossChart = new Chart("Loss over steps", "nats a labelled token", series, false);
        page.append("<section><h2>Training</h2>\n<figure><figcaption>Loss <span class=\"legend\">")
                .append(legend)
                .append("</span></figcaption>\n<div class=\"wide\">")
                .append(lossChart.svg(1040, 350))
                .append("</div>\n<div class=\"narrow\">")
                .append(lossChart.svg(360, 280))
                .append("</div></figure>\n<div class=\"small-charts\">\n");
        smallChart(
                "Learning rate",
                "of the step",
                List.of(new Series("learning rate", "mean", false, line(Point::learningRate))));
        smallChart("Gradient norm", "L2, before clipping", noisy("gradient norm", Point::gradientNorm));
        smallChart("Speed", "tokens per second", noisy("tokens/s", Point::tokensPerSecond));
        page.append("</div>\n");
        rows();
        page.append("</section>\n");
    }

    private void smallChart(String name, String unit, List<Series> series) {
        page.append("<figure><figcaption>%s</figcaption>\n%s</figure>\n"
                .formatted(name, new Chart(name + " over steps", unit, series, true).svg(340, 230)));
    }

    private List<Series> noisy(String label, ToDoubleFunction<Point> value) {
        List<Value> line = line(value);
        return List.of(
                new Series(label, "raw", false, line), new Series("smoothed", "mean", false, Chart.smoothed(line)));
    }

    private List<Value> line(ToDoubleFunction<Point> value) {
        return report.points().stream()
                .map(point -> new Value(point.step(), value.applyAsDouble(point)))
                .toList();
    }

    /// The numbers behind the charts, thinned when there are many; `metrics.jsonl` has them all.
    private void rows() {
        int every = Math.ceilDiv(Math.max(1, report.points().size()), MOST_ROWS);
        page.append(
                "<details><summary>The numbers%s</summary>\n<div class=\"scroll\"><table class=\"numbers\">\n<thead><tr>"
                        .formatted(every == 1 ? "" : " (one row of " + every + "; all of them are in metrics.jsonl)"));
        for (String name :
                List.of("Step", "Loss", "Held-out loss", "Learning rate", "Gradient norm", "Tokens/s", "Peak MB")) {
            page.append("<th scope=\"col\">").append(name).append("</th>");
        }
        page.append("</tr></thead>\n<tbody>\n");
        for (int i = 0; i < report.points().size(); i++) {
            Point point = report.points().get(i);
            if (i % every == 0 || i == report.points().size() - 1) {
                page.append("<tr><td>%d</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td></tr>\n"
                        .formatted(
                                point.step(),
                                Html.number(point.loss()),
                                point.evalLoss().isPresent()
                                        ? Html.number(point.evalLoss().getAsDouble())
                                        : "",
                                Html.number(point.learningRate()),
                                Html.number(point.gradientNorm()),
                                Html.number(point.tokensPerSecond()),
                                Html.number(point.peakMegabytes())));
            }
        }
        page.append("</tbody></table></div></details>\n");
    }

    private void samples() {
        if (report.samples().isEmpty()) {
            return;
        }
        page.append("<section><h2>Samples <small>prompts that were not trained on</small></h2>\n");
        report.samples().forEach(this::sample);
        page.append("</section>\n");
    }

    private void sample(Sample sample) {
        page.append("<article class=\"sample\"><div class=\"prompt\"><h3>Prompt</h3>%s</div>\n<div class=\"answers\">\n"
                .formatted(text(sample.prompt())));
        answer("Expected", "", sample.expected());
        answer("Base model", "", sample.base());
        answer(
                "Trained model",
                sample.isExact()
                        ? "<span class=\"mark better\">✓ exact</span>"
                        : "<span class=\"mark worse\">✗ differs</span>",
                sample.trained());
        page.append("</div></article>\n");
    }

    private void answer(String name, String mark, String text) {
        page.append("<div><h3>%s %s</h3>%s</div>\n".formatted(name, mark, text(text)));
    }

    private static String text(String text) {
        return text.isEmpty() ? "<p class=\"empty\">nothing</p>" : "<pre>" + Html.escaped(text) + "</pre>";
    }

    private void settings() {
        page.append("<section><h2>Settings</h2>\n<div class=\"settings\">\n");
        report.settings().forEach(this::table);
        page.append("</div></section>\n<section><h2>Environment</h2>\n<div class=\"settings\">\n");
        table("", report.environment());
        page.append("</div></section>\n");
    }

    private void table(String name, Map<String, String> values) {
        if (values.isEmpty()) {
            return;
        }
        page.append("<div class=\"group\">");
        if (!name.isEmpty()) {
            page.append("<h3>").append(Html.escaped(name)).append("</h3>");
        }
        page.append("<table><tbody>\n");
        values.forEach((key, value) -> page.append(
                "<tr><th scope=\"row\">%s</th><td>%s</td></tr>\n".formatted(Html.escaped(key), Html.escaped(value))));
        page.append("</tbody></table></div>\n");
    }
}
