package dev.graft.eval;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/// Lines over steps, drawn as an SVG that takes its colours from the page around it.
///
/// Values that are not finite are gaps in their line.
///
/// @param name     what the chart shows, for those who cannot see it
/// @param unit     what its vertical axis counts; the horizontal one counts optimizer steps
/// @param fromZero whether the vertical axis starts at zero
record Chart(String name, String unit, List<Series> series, boolean fromZero) {
    private static final int LEFT = 46;
    private static final int RIGHT = 14;
    private static final int TOP = 28;
    private static final int BOTTOM = 46;
    private static final int MOST_POINTS = 600;

    /// One line.
    ///
    /// @param label  its name beside a value
    /// @param look   class of the page's style sheet
    /// @param marked whether each value gets a dot
    record Series(String label, String look, boolean marked, List<Value> values) {

        /// The same line through at most about `most` points: of each run of values the smallest and the
        /// largest.
        List<Value> thinned(int most) {
            if (values.size() <= most) {
                return values;
            }
            int run = (int) Math.ceil(values.size() / (most / 2.0));
            List<Value> kept = new ArrayList<>();
            for (int from = 0; from < values.size(); from += run) {
                List<Value> part = values.subList(from, Math.min(values.size(), from + run));
                Value least = part.getFirst();
                Value greatest = part.getFirst();
                for (Value value : part) {
                    least = value.y() < least.y() ? value : least;
                    greatest = value.y() > greatest.y() ? value : greatest;
                }
                kept.add(least.step() <= greatest.step() ? least : greatest);
                if (least.step() != greatest.step()) {
                    kept.add(least.step() <= greatest.step() ? greatest : least);
                }
            }
            return kept;
        }

        List<Value> finite() {
            return values.stream().filter(value -> Double.isFinite(value.y())).toList();
        }
    }

    record Value(int step, double y) {}

    /// The chart as an `<svg>` element of this size; text in it is about 12 pixels high.
    String svg(int width, int height) {
        List<Value> all =
                series.stream().flatMap(line -> line.finite().stream()).toList();
        var svg = new StringBuilder();
        if (all.isEmpty()) {
            svg.append(open(width, height, name + ": no values", ""));
            svg.append("<text class=\"none\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">no values</text>"
                    .formatted(width / 2, height / 2));
            return svg.append("</svg>").toString();
        }
        double min = all.stream().mapToDouble(Value::y).min().orElseThrow();
        double max = all.stream().mapToDouble(Value::y).max().orElseThrow();
        Axis y = Axis.widened(
                fromZero ? Math.min(0, min) : min, max, height - BOTTOM, TOP, Math.max(3, (height - 70) / 55));
        int firstStep = all.stream().mapToInt(Value::step).min().orElseThrow();
        int lastStep = all.stream().mapToInt(Value::step).max().orElseThrow();
        Axis x = Axis.exact(firstStep == 1 ? 0 : firstStep, lastStep, LEFT, width - RIGHT, Math.max(3, width / 110));

        svg.append(open(width, height, description(), hover(x)));
        grid(svg, x, y, width, height);
        svg.append(Axis.names("optimizer step", unit, LEFT, width - RIGHT, height));
        series.forEach(line -> line(svg, line, x, y));
        svg.append("<line class=\"guide\" y1=\"%d\" y2=\"%d\" x1=\"-9\" x2=\"-9\"/>".formatted(TOP, height - BOTTOM));
        return svg.append("</svg>").toString();
    }

    private static String open(int width, int height, String description, String attributes) {
        return "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\"%s>"
                .formatted(width, height, Html.escaped(description), attributes);
    }

    /// First, last and extreme values of each line, in words.
    private String description() {
        return name + ". "
                + series.stream()
                        .filter(line -> !line.finite().isEmpty())
                        .map(line -> {
                            List<Value> values = line.finite();
                            return "%s: %s at step %d, %s at step %d, lowest %s, highest %s"
                                    .formatted(
                                            line.label(),
                                            Html.number(values.getFirst().y()),
                                            values.getFirst().step(),
                                            Html.number(values.getLast().y()),
                                            values.getLast().step(),
                                            Html.number(values.stream()
                                                    .mapToDouble(Value::y)
                                                    .min()
                                                    .orElseThrow()),
                                            Html.number(values.stream()
                                                    .mapToDouble(Value::y)
                                                    .max()
                                                    .orElseThrow()));
                        })
                        .collect(Collectors.joining("; "));
    }

    private static void grid(StringBuilder svg, Axis x, Axis y, int width, int height) {
        for (double tick : y.ticks()) {
            svg.append("<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%s\" y2=\"%s\"/>"
                    .formatted(LEFT, width - RIGHT, at(y.pixel(tick)), at(y.pixel(tick))));
            svg.append("<text x=\"%d\" y=\"%s\" text-anchor=\"end\">%s</text>"
                    .formatted(LEFT - 8, at(y.pixel(tick) + 4), y.label(tick)));
        }
        svg.append("<line class=\"base\" x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/>"
                .formatted(LEFT, width - RIGHT, height - BOTTOM, height - BOTTOM));
        for (double tick : x.ticks()) {
            svg.append("<text x=\"%s\" y=\"%d\" text-anchor=\"middle\">%s</text>"
                    .formatted(at(x.pixel(tick)), height - BOTTOM + 18, x.label(tick)));
        }
    }

    private static void line(StringBuilder svg, Series line, Axis x, Axis y) {
        var path = new StringBuilder();
        boolean drawing = false;
        for (Value value : line.thinned(MOST_POINTS)) {
            if (!Double.isFinite(value.y())) {
                drawing = false;
                continue;
            }
            path.append(drawing ? 'L' : 'M')
                    .append(at(x.pixel(value.step())))
                    .append(' ')
                    .append(at(y.pixel(value.y())));
            drawing = true;
        }
        svg.append("<path class=\"%s\" d=\"%s\"/>".formatted(line.look(), path));
        List<Value> dots = line.marked() || line.finite().size() == 1 ? line.finite() : List.of();
        for (Value value : dots) {
            svg.append("<circle class=\"%s\" cx=\"%s\" cy=\"%s\" r=\"4\"/>"
                    .formatted(line.look(), at(x.pixel(value.step())), at(y.pixel(value.y()))));
        }
    }

    /// Attributes the script of the page reads: where each step stands, and what to say there.
    private String hover(Axis x) {
        Map<Integer, List<String>> said = new TreeMap<>();
        for (Series line : series) {
            for (Value value : line.thinned(MOST_POINTS)) {
                said.computeIfAbsent(value.step(), _ -> new ArrayList<>())
                        .add(line.label() + " " + Html.number(value.y()));
            }
        }
        String places = said.keySet().stream().map(step -> at(x.pixel(step))).collect(Collectors.joining(" "));
        String texts = said.entrySet().stream()
                .map(entry -> "step " + entry.getKey() + " · " + String.join(" · ", entry.getValue()))
                .collect(Collectors.joining("|"));
        return " data-x=\"%s\" data-text=\"%s\"".formatted(places, Html.escaped(texts));
    }

    private static String at(double pixel) {
        return String.format(Locale.ROOT, "%.1f", pixel);
    }

    /// A noisy line without its noise: each value is the mean of those around it, weighted by a bell
    /// whose width is a fiftieth of the line. It reaches equally far to both sides, so the line neither
    /// lags nor bends at its ends.
    static List<Value> smoothed(List<Value> values) {
        double width = Math.max(1, values.size() / 50.0);
        int last = values.size() - 1;
        return IntStream.rangeClosed(0, last)
                .mapToObj(i -> {
                    int reach = Math.min((int) Math.ceil(2.5 * width), Math.min(i, last - i));
                    return new Value(values.get(i).step(), around(values, i, width, reach));
                })
                .toList();
    }

    private static double around(List<Value> values, int center, double width, int reach) {
        double sum = 0;
        double weights = 0;
        for (int i = center - reach; i <= center + reach; i++) {
            double y = values.get(i).y();
            if (Double.isFinite(y)) {
                double away = (i - center) / width;
                double weight = Math.exp(-away * away / 2);
                sum += weight * y;
                weights += weight;
            }
        }
        return sum / weights; // NaN, a gap, where nothing around is finite
    }
}
