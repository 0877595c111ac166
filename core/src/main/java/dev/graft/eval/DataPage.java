package dev.graft.eval;

import dev.graft.data.prepare.Lengths;
import dev.graft.data.prepare.Lengths.Bar;
import dev.graft.data.prepare.Profile;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/// A page about a file of rows: how long they are, what may be wrong with them, how their labels are
/// spread. Like the report of a run it needs nothing else.
public final class DataPage {
    private static final int BARS = 40;
    private static final int CATEGORIES_SHOWN = 40;
    private static final int WIDTH = 420;
    private static final int HEIGHT = 240;
    private static final int LEFT = 56;
    private static final int BOTTOM = 46;
    private static final int TOP = 28;
    private static final int RIGHT = 14;

    private DataPage() {}

    /// The whole page.
    ///
    /// @param title    names the input
    /// @param shapes   rows of each shape
    /// @param lengths  what is plotted, by its name
    /// @param findings what may be wrong, by name
    public static String of(
            String title,
            Map<String, Integer> shapes,
            Profile profile,
            Map<String, Lengths> lengths,
            Map<String, String> findings) {
        var page = new StringBuilder();
        page.append("<header><p class=\"kind\">Graft data report</p><h1>%s</h1>\n<dl class=\"facts\">\n"
                .formatted(Html.escaped(title)));
        fact(page, "Rows", Html.number(profile.rows()));
        shapes.forEach((name, rows) -> fact(page, "Shape " + name, Html.number(rows)));
        page.append("</dl></header>\n<section><h2>Lengths</h2>\n<div class=\"small-charts\">\n");
        lengths.forEach((name, values) -> page.append(
                "<figure><figcaption>%s <span class=\"legend\">median %s · 99 %% up to %s</span></figcaption>%s</figure>\n"
                        .formatted(
                                Html.escaped(name),
                                Html.number(values.quantile(0.5)),
                                Html.number(values.quantile(0.99)),
                                histogram(name, unit(name), values.bars(BARS)))));
        page.append("</div></section>\n<section><h2>Worth a look</h2>\n");
        if (findings.isEmpty()) {
            page.append("<p>Nothing was found.</p>\n");
        } else {
            page.append("<div class=\"card\"><dl class=\"findings\">\n");
            findings.forEach((name, text) -> page.append("<dt>%s</dt><dd>%s</dd>\n"
                    .formatted(Html.escaped(name), Html.escaped(text).replace("\n", "<br/>"))));
            page.append("</dl></div>\n");
        }
        page.append("</section>\n");
        profile.columns().forEach((name, column) -> categories(page, name, column));
        return Page.of(title, page.toString());
    }

    private static void fact(StringBuilder page, String name, String value) {
        page.append("<div><dt>%s</dt><dd>%s</dd></div>\n".formatted(Html.escaped(name), value));
    }

    /// The values of a column as bars that lie, with their shares.
    private static void categories(StringBuilder page, String name, Profile.Column column) {
        Map<String, Integer> categories = column.categories();
        if (categories.isEmpty()) {
            return;
        }
        int most = categories.values().iterator().next();
        page.append("<section><h2>%s <small>%d values</small></h2>\n<div class=\"card\"><table class=\"bars\">\n"
                .formatted(Html.escaped(name), categories.size()));
        categories.entrySet().stream()
                .limit(CATEGORIES_SHOWN)
                .forEach(entry -> page.append(
                        "<tr><th>%s</th><td class=\"bar\"><span style=\"width:%.1f%%\"></span></td><td>%s</td><td>%s</td></tr>\n"
                                .formatted(
                                        Html.escaped(entry.getKey()),
                                        100.0 * entry.getValue() / most,
                                        Html.number(entry.getValue()),
                                        Html.percentage(entry.getValue() / (double) column.filled()))));
        page.append("</table>");
        if (categories.size() > CATEGORIES_SHOWN) {
            page.append("<p>… and %d more</p>".formatted(categories.size() - CATEGORIES_SHOWN));
        }
        page.append("</div></section>\n");
    }

    /// `labelled tokens` of `Labelled tokens of a row`.
    private static String unit(String name) {
        return name.replace(" of a row", "").toLowerCase(Locale.ROOT);
    }

    private static String histogram(String name, String unit, List<Bar> bars) {
        int most = bars.stream().mapToInt(Bar::rows).max().orElse(0);
        Axis y = Axis.widened(0, most, HEIGHT - BOTTOM, TOP, 4);
        int from = bars.isEmpty() ? 0 : bars.getFirst().from();
        int to = bars.isEmpty() ? 1 : bars.getLast().to() + 1;
        Axis x = Axis.exact(from, to, LEFT, WIDTH - RIGHT, 5);
        var svg = new StringBuilder("<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s: %d bars from %d to %d\">"
                .formatted(WIDTH, HEIGHT, Html.escaped(name), bars.size(), from, to - 1));
        for (double tick : y.ticks()) {
            svg.append("<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%s\" y2=\"%s\"/>"
                    .formatted(LEFT, WIDTH - RIGHT, at(y.pixel(tick)), at(y.pixel(tick))));
            svg.append("<text x=\"%d\" y=\"%s\" text-anchor=\"end\">%s</text>"
                    .formatted(LEFT - 8, at(y.pixel(tick) + 4), y.label(tick)));
        }
        for (Bar bar : bars) {
            double left = x.pixel(bar.from());
            double width = Math.max(1, x.pixel(bar.to() + 1) - left - 1);
            double top = y.pixel(bar.rows());
            svg.append(
                    "<rect class=\"bar\" x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\"><title>%,d to %,d: %,d rows</title></rect>"
                            .formatted(
                                    at(left),
                                    at(top),
                                    at(width),
                                    at(HEIGHT - BOTTOM - top),
                                    bar.from(),
                                    bar.to(),
                                    bar.rows()));
        }
        svg.append("<line class=\"base\" x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/>"
                .formatted(LEFT, WIDTH - RIGHT, HEIGHT - BOTTOM, HEIGHT - BOTTOM));
        for (double tick : x.ticks()) {
            svg.append("<text x=\"%s\" y=\"%d\" text-anchor=\"middle\">%s</text>"
                    .formatted(at(x.pixel(tick)), HEIGHT - BOTTOM + 18, x.label(tick)));
        }
        return svg.append(Axis.names(unit, "rows", LEFT, WIDTH - RIGHT, HEIGHT))
                .append("</svg>")
                .toString();
    }

    private static String at(double pixel) {
        return String.format(Locale.ROOT, "%.1f", pixel);
    }
}
