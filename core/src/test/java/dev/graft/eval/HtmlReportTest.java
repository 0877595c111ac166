package dev.graft.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.within;

import dev.graft.eval.RunReport.Headline;
import dev.graft.eval.RunReport.Parameters;
import dev.graft.eval.RunReport.Point;
import dev.graft.eval.RunReport.Sample;
import java.io.StringReader;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Random;
import java.util.stream.IntStream;
import javax.xml.parsers.DocumentBuilderFactory;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.xml.sax.InputSource;

class HtmlReportTest {
    private static final List<String> ATTRIBUTES_THAT_LOAD =
            List.of("src", "href", "srcset", "data", "poster", "action", "xlink:href");

    @Test
    void thePageIsWellFormedAndShowsWhatTheReportHolds() throws Exception {
        Document page = parsed(realistic(300));

        String text = page.getDocumentElement().getTextContent();
        assertThat(text)
                .contains("Reversing words with LoRA", "2.513", "0.4021", "97 %", "learning_rate", "JDK 25")
                .contains("stressed", "desserts");
        assertThat(page.getElementsByTagName("svg").getLength()).isEqualTo(5);
        assertThat(page.getElementsByTagName("article").getLength()).isEqualTo(3);
    }

    @Test
    void thePageLoadsNothingFromElsewhere() throws Exception {
        String page = HtmlReport.page(realistic(20));

        assertThat(page).doesNotContain("@import", "url(", "//cdn", "fetch(", "XMLHttpRequest", "import(");
        var elements = parsed(realistic(20)).getElementsByTagName("*");
        for (int i = 0; i < elements.getLength(); i++) {
            var element = (Element) elements.item(i);
            assertThat(element.getTagName()).isNotIn("link", "img", "iframe", "object", "embed");
            assertThat(ATTRIBUTES_THAT_LOAD).noneMatch(element::hasAttribute);
        }
    }

    @Property(tries = 100)
    void anyTextIsShownAsTextAndNeverRead(@ForAll String text) throws Exception {
        Document page = parsed(withText("<script>alert(1)</script>&\"'" + text));

        assertThat(page.getElementsByTagName("script").getLength()).isEqualTo(1);
        assertThat(page.getElementsByTagName("h1").item(0).getTextContent())
                .startsWith("<script>alert(1)</script>&\"'");
    }

    @Test
    void valuesThatAreNotNumbersAreGaps() throws Exception {
        var points = List.of(
                point(1, Double.NaN), point(2, 3.0), point(3, Double.POSITIVE_INFINITY), point(4, 2.0), point(5, 1.5));
        String page = HtmlReport.page(report(points, List.of(Headline.loss(Double.NaN, 1))));

        assertThatCode(() -> parse(page)).doesNotThrowAnyException();
        assertThat(page).doesNotContain("NaN", "Infinity");
        assertThat(page).contains("not measured");
        assertThat(raw(page)).as("two strokes: step 2, and steps 4 to 5").matches("M[^ML]* [^ML]*M[^ML]*L[^ML]*");
    }

    @Test
    void aRunWithoutStepsOrWithOneIsAPageToo() throws Exception {
        assertThat(parsed(report(List.of(), List.of())).getDocumentElement().getTextContent())
                .contains("no values");
        assertThat(HtmlReport.page(report(List.of(point(1, 2.5)), List.of()))).contains("<circle");
    }

    @Test
    void aLongRunIsThinnedWithoutLosingItsExtremes() {
        var points = IntStream.rangeClosed(1, 20_000)
                .mapToObj(step -> point(step, step == 7_777 ? 9.0 : 1.0))
                .toList();
        String page = HtmlReport.page(report(points, List.of()));

        assertThat(page.length()).isLessThan(400_000);
        assertThat(page).contains("step 7777 · training 9 ", "one row of 200");
    }

    @Test
    void theSmoothedLineOfARampIsTheRamp() {
        var ramp = IntStream.range(0, 500)
                .mapToObj(step -> new Chart.Value(step, 100 - 0.1 * step))
                .toList();

        var smoothed = Chart.smoothed(ramp);
        assertThat(IntStream.range(0, 500))
                .allSatisfy(i -> assertThat(smoothed.get(i).y()).isCloseTo(100 - 0.1 * i, within(1e-9)));
        assertThat(Chart.smoothed(List.of(new Chart.Value(1, 2), new Chart.Value(2, 2))))
                .containsExactly(new Chart.Value(1, 2), new Chart.Value(2, 2));
    }

    @Test
    void aChangeIsCalledByItsDirection() {
        String page = HtmlReport.page(report(
                List.of(),
                List.of(
                        Headline.loss(2.0, 1.0),
                        Headline.exactMatch(0.04, 0.97),
                        Headline.perplexity(2.0, 3.0),
                        Headline.tokenAccuracy(0.5, 0.5))));

        assertThat(page)
                .contains(
                        "better\">−50.0 %, ",
                        "better\">+93.0 points, ", "worse\">+50.0 %, ", "same\">±0.0 points, no ");
    }

    @Test
    void numbersAreShortAndRound() {
        assertThat(List.of(0.0, 2.51304, 12_345.0, 999.96, 1_234_567.0, 2e-4, 3.2e-5, 22_700_000_000.0, -0.5))
                .extracting(Html::number)
                .containsExactly("0", "2.513", "12.3k", "1000", "1.23M", "0.0002", "3.2e-05", "22700M", "-0.5");
        assertThat(List.of(4.21, 245.0, 3_725.0))
                .extracting(Html::duration)
                .containsExactly("4.2 s", "4 min 05 s", "1 h 02 min");
    }

    @Test
    void ticksAreRoundAndHoldAllValues() {
        Axis axis = Axis.widened(0.37, 2.51, 100, 0, 5);

        assertThat(axis.ticks()).containsExactly(0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0);
        assertThat(axis.pixel(3.0)).isZero();
        assertThat(axis.label(1.5)).isEqualTo("1.5");
        Axis rates = Axis.widened(0, 2e-4, 100, 0, 4);
        assertThat(rates.ticks()).extracting(rates::label).containsExactly("0", "5e-5", "1e-4", "1.5e-4", "2e-4");
        assertThat(Axis.exact(0, 300, 0, 100, 4).ticks()).containsExactly(0.0, 100.0, 200.0, 300.0);
        assertThat(Axis.widened(5, 5, 0, 100, 4).ticks()).contains(5.0).hasSizeGreaterThan(1);
    }

    private static String raw(String page) {
        return page.replaceFirst("(?s).*?<path class=\"raw\" d=\"([^\"]*)\".*", "$1");
    }

    private static Document parsed(RunReport report) throws Exception {
        return parse(HtmlReport.page(report));
    }

    private static Document parse(String page) throws Exception {
        return DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(new InputSource(new StringReader(page)));
    }

    private static RunReport withText(String text) {
        return new RunReport(
                text,
                Map.of(text, Map.of(text, text)),
                List.of(point(1, 1)),
                List.of(new Headline(text, 1, 2, RunReport.Unit.NUMBER, true)),
                new Parameters(1, 2),
                1,
                1,
                List.of(new Sample(text, text, text, text, true)),
                List.of(new TokenView(text, List.of(new TokenView.Piece(List.of(1, 2), text, true, true)))),
                Map.of(text, text));
    }

    private static RunReport report(List<Point> points, List<Headline> headlines) {
        return new RunReport(
                "t", Map.of(), points, headlines, new Parameters(1, 2), 1, 1, List.of(), List.of(), Map.of());
    }

    private static Point point(int step, double loss) {
        return new Point(step, loss, 1e-4, 1, 1000, 500, OptionalDouble.empty());
    }

    /// A run as the quickstart makes it, with noise.
    static RunReport realistic(int steps) {
        var random = new Random(7);
        var points = IntStream.rangeClosed(1, steps)
                .mapToObj(step -> {
                    double done = step / (double) steps;
                    double rate =
                            3e-3 * (step < steps / 20 ? step / (steps / 20.0) : 0.5 * (1 + Math.cos(Math.PI * done)));
                    double held = 0.4 + 2.1 * Math.exp(-5 * done);
                    return new Point(
                            step,
                            held * (1 + 0.08 * random.nextGaussian()) - 0.02,
                            rate,
                            (0.5 + 2 * Math.exp(-8 * done)) * Math.exp(0.25 * random.nextGaussian()),
                            18_400 + 700 * random.nextGaussian() - (step == 1 ? 9_000 : 0),
                            640 + 20 * done,
                            step % Math.max(1, steps / 6) == 0 ? OptionalDouble.of(held) : OptionalDouble.empty());
                })
                .toList();
        Map<String, Map<String, String>> settings = new LinkedHashMap<>();
        settings.put("recipe", ordered("model", "examples/quickstart/model", "objective", "sft", "seed", "42"));
        settings.put(
                "adapter",
                ordered(
                        "type",
                        "lora",
                        "r",
                        "16",
                        "lora_alpha",
                        "32",
                        "lora_dropout",
                        "0",
                        "target_modules",
                        "all-linear"));
        settings.put(
                "data",
                ordered("train", "examples/quickstart/train.jsonl", "eval_fraction", "0.05", "train_on", "completion"));
        settings.put(
                "training",
                ordered(
                        "max_steps",
                        String.valueOf(steps),
                        "per_device_batch_tokens",
                        "2048",
                        "learning_rate",
                        "0.003",
                        "lr_scheduler_type",
                        "cosine",
                        "warmup_ratio",
                        "0.05",
                        "max_grad_norm",
                        "1",
                        "dtype",
                        "bfloat16"));
        return new RunReport(
                "Reversing words with LoRA",
                settings,
                points,
                List.of(
                        Headline.loss(2.5131, 0.4021),
                        Headline.perplexity(12.343, 1.4949),
                        Headline.tokenAccuracy(0.412, 0.913),
                        Headline.exactMatch(0.02, 0.97)),
                new Parameters(176_128, 1_982_464),
                96.4,
                18_250,
                List.of(
                        new Sample("Reverse: stressed\n", "desserts", "stresses the the the the", "desserts", true),
                        new Sample("Reverse: lamp\n", "pmal", "", "pmal", true),
                        new Sample(
                                "Reverse the word and say how many letters it has.\n\nextraordinary",
                                "yranidroartxe, 13 letters",
                                "Once upon a time there was a little girl who lived near the <b>sea</b> & she was happy.",
                                "yranidroatxe, 13 letters",
                                false)),
                List.of(),
                ordered(
                        "Machine",
                        "2 cores, AMD EPYC, 24 GB",
                        "System",
                        "Linux amd64",
                        "Graft",
                        "0.1.0",
                        "Java",
                        "JDK 25.0.3 (Temurin)",
                        "libtorch",
                        "2.10.0",
                        "Started",
                        "2026-11-21 23:10:04"));
    }

    private static Map<String, String> ordered(String... pairs) {
        Map<String, String> map = new LinkedHashMap<>();
        for (int i = 0; i < pairs.length; i += 2) {
            map.put(pairs[i], pairs[i + 1]);
        }
        return map;
    }
}
