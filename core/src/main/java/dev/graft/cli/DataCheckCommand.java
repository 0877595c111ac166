package dev.graft.cli;

import dev.graft.data.check.CheckReport;
import dev.graft.data.check.Finding;
import dev.graft.format.Json;
import dev.graft.tokenizer.Tokenizer;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `graft data check`: what would spoil a run, before it begins.
@Command(
        name = "check",
        mixinStandardHelpOptions = true,
        header = "Holds rows against what spoils a training run.",
        description = {
            "%nLooks at all rows as @|bold graft train|@ would take them, which runs the same checks first. Ends with exit"
                    + " code 1 when there is an error; a warning stops nothing.",
            "%n@|bold Errors|@",
            "  all_masked              nothing of a row is learnt",
            "  eos_not_trained         no end of a text or turn is learnt (a warning where only some rows lack it)",
            "  double_bos              a row begins with two begin tokens",
            "  special_tokens_in_text  what a conversation says holds special tokens (a warning in other rows)",
            "  template_mismatch       held-out rows are written otherwise than those to train on",
            "  eval_leak               held-out rows are trained on as well",
            "  eval_near_leak          the same, nearly (a warning for held-out rows that Graft draws itself)",
            "  prompt_too_long         a prompt leaves no room for its answer",
            "%n@|bold Warnings|@",
            "  empty_prompt            a prompt is empty",
            "  duplicate_rows          a row repeats an earlier one",
            "  fused_seam              prompt and completion share a token%n"
        },
        footerHeading = "%n@|bold Examples|@%n",
        footer = {
            "  graft data check recipe.yaml",
            "  graft data check train.jsonl --eval dev.jsonl --model models/base \\",
            "      --allow eval_leak"
        })
final class DataCheckCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Mixin
    private RowOptions rows;

    @Option(names = "--eval", paramLabel = "INPUT", description = "Held-out rows.")
    private String eval;

    @Option(
            names = "--allow",
            split = ",",
            paramLabel = "CHECK",
            description = "Let rows through that fail these checks.")
    private List<String> allowed = new ArrayList<>();

    @Option(names = "--json", description = "Print one JSON object instead of sentences.")
    private boolean json;

    @Override
    public Integer call() {
        RowSettings settings = rows.settings(Optional.ofNullable(eval), allowed);
        try (Tokenizer tokenizer = Tokenizer.load(settings.model(), settings.template())) {
            CheckReport report = settings.load(tokenizer).check();
            PrintWriter out = spec.commandLine().getOut();
            if (json) {
                out.println(Json.pretty(json(report)));
            } else {
                print(report, out, Console.stdout().style());
            }
            out.flush();
            return report.errors().isEmpty() ? 0 : Faults.FAILED;
        }
    }

    private static Map<String, Object> json(CheckReport report) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("rows", report.rows());
        json.put("errors", report.errors().size());
        json.put("warnings", report.warnings().size());
        json.put("allowed", report.allowed().size());
        json.put("findings", report.json());
        return json;
    }

    private static void print(CheckReport report, PrintWriter out, Style style) {
        for (Finding finding : report.findings()) {
            String rank = finding.rank();
            String shown = finding.stops() ? style.red(rank) : finding.allowed() ? style.dim(rank) : style.yellow(rank);
            out.println("%s  %s".formatted(shown, TerminalText.safe(finding.text())));
        }
        String counts = "%s looked at: %s, %s"
                .formatted(
                        Facts.count(report.rows(), "row"),
                        Facts.count(report.errors().size(), "error"),
                        Facts.count(report.warnings().size(), "warning"));
        int allowed = report.allowed().size();
        out.println(allowed == 0 ? counts : counts + ", %d allowed".formatted(allowed));
    }
}
