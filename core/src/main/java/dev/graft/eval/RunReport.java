package dev.graft.eval;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/// What a run has to show for itself, in plain values: [HtmlReport] turns it into a page.
///
/// @param title       what was done, as a headline
/// @param settings    section → key → value, in the order to show them
/// @param points      one for each logged step, in the order of the steps
/// @param headlines   what was measured before and after
/// @param parameters  how many weights there are, and how many of them were trained
/// @param seconds     the whole run took
/// @param tokensPerSecond processed over the whole run, padding not counted
/// @param samples     answers of base and trained model to held-out prompts
/// @param examples    a few rows that were trained on, token by token
/// @param environment what it ran on and with: machine, versions
public record RunReport(
        String title,
        Map<String, Map<String, String>> settings,
        List<Point> points,
        List<Headline> headlines,
        Parameters parameters,
        double seconds,
        double tokensPerSecond,
        List<Sample> samples,
        List<TokenView> examples,
        Map<String, String> environment) {

    public RunReport {
        // copies that keep the order, which Map.copyOf does not
        var sections = new LinkedHashMap<String, Map<String, String>>();
        settings.forEach((name, section) -> sections.put(name, new LinkedHashMap<>(section)));
        settings = sections;
        environment = new LinkedHashMap<>(environment);
        points = List.copyOf(points);
        headlines = List.copyOf(headlines);
        samples = List.copyOf(samples);
        examples = List.copyOf(examples);
    }

    /// A row of `metrics.jsonl`.
    ///
    /// @param evalLoss of the held-out rows, where they were evaluated at this step
    public record Point(
            int step,
            double loss,
            double learningRate,
            double gradientNorm,
            double tokensPerSecond,
            double peakMegabytes,
            OptionalDouble evalLoss) {}

    /// One measure of the held-out rows before and after.
    ///
    /// @param unit         how to write the values
    /// @param higherIsBetter whether growing is good news
    public record Headline(String name, double before, double after, Unit unit, boolean higherIsBetter) {

        public static Headline loss(double before, double after) {
            return new Headline("Held-out loss", before, after, Unit.NUMBER, false);
        }

        public static Headline perplexity(double before, double after) {
            return new Headline("Perplexity", before, after, Unit.NUMBER, false);
        }

        /// @param before share of the labelled tokens that were the most likely one, from 0 to 1;
        ///               `after` likewise
        public static Headline tokenAccuracy(double before, double after) {
            return new Headline("Token accuracy", before, after, Unit.SHARE, true);
        }

        /// @param before share of the answers that equal the expected one, from 0 to 1; `after` likewise
        public static Headline exactMatch(double before, double after) {
            return new Headline("Exact match", before, after, Unit.SHARE, true);
        }
    }

    public enum Unit {
        NUMBER,
        /// From 0 to 1, written as a percentage.
        SHARE
    }

    public record Parameters(long trainable, long total) {}

    /// One prompt and what became of it.
    ///
    /// @param isExact whether the trained model's answer is the expected one
    public record Sample(String prompt, String expected, String base, String trained, boolean isExact) {}
}
