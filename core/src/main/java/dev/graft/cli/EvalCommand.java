package dev.graft.cli;

import dev.graft.data.Batches;
import dev.graft.data.ExampleTokenizer;
import dev.graft.data.PackedBatch;
import dev.graft.data.Question;
import dev.graft.data.Row;
import dev.graft.data.Rows;
import dev.graft.data.Tokenization;
import dev.graft.data.TokenizationOptions;
import dev.graft.data.TokenizationOptions.Overlong;
import dev.graft.data.Tokenized;
import dev.graft.data.shape.RowShape.Kind;
import dev.graft.eval.Answers;
import dev.graft.eval.HeldOut;
import dev.graft.format.Json;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// `graft eval`: how well a model does on rows with known answers.
@Command(
        name = "eval",
        mixinStandardHelpOptions = true,
        header = "Measures a model on rows with known answers.",
        description = {
            "%nReads what @|bold graft train|@ reads (rows with \"prompt\" and \"completion\", \"messages\","
                    + " \"instruction\" and \"output\", \"text\" …) and prints:",
            "  loss            mean negative log-probability (natural, in nats) of a completion's token",
            "  perplexity      e^loss",
            "  token accuracy  share of those tokens that were the model's first choice",
            "  exact match     share of prompts it answers, greedily, word for word as expected",
            "%nWith @|bold --json|@ it prints one object: eval_loss, perplexity, token_accuracy, exact_match (null without"
                    + " prompts), exact_match_rows, rows, tokens, seconds.%n"
        },
        footerHeading = "%n@|bold Examples|@%n",
        footer = {
            "  graft eval models/base --data eval.jsonl",
            "  graft eval models/base --adapter runs/mine/adapter --data eval.jsonl --json",
            "  graft eval models/base --data gsm8k.jsonl \\",
            "      --columns prompt=question,completion=answer"
        })
final class EvalCommand implements Runnable {
    private static final int BATCH_TOKENS = 2048;
    private static final int SAMPLES = 3;

    @Spec
    private CommandSpec spec;

    @Mixin
    private ModelOptions options;

    @Mixin
    private TemplateOptions template;

    @Option(
            names = "--data",
            required = true,
            paramLabel = "FILE",
            description = "Rows with known answers: .jsonl, .json, .csv, .tsv, .parquet or .txt.")
    private Path data;

    @Mixin
    private ColumnOptions columns;

    @Option(names = "--json", description = "Print one JSON object instead of a table.")
    private boolean json;

    @Option(
            names = "--max-new-tokens",
            paramLabel = "N",
            defaultValue = "64",
            description = "Tokens an answer may have (default: ${DEFAULT-VALUE}).")
    private int maxNewTokens;

    @Option(
            names = "--exact-match-rows",
            paramLabel = "N",
            description = "Answer the prompts of the first N rows only; 0 answers none (default: all).")
    private Integer exactMatchRows;

    @Option(
            names = "--max-length",
            paramLabel = "N",
            description = "Tokens a row may have (default: what the model was made for).")
    private Integer maxLength;

    @Option(
            names = "--overlong",
            paramLabel = "WHAT",
            defaultValue = "error",
            description =
                    "Longer rows: error, truncate_start, truncate_end, split or drop (default: ${DEFAULT-VALUE}).")
    private String overlong;

    @Option(
            names = "--samples",
            paramLabel = "N",
            description = "Show the answers to the first N prompts (default: " + SAMPLES + "; with --json none).")
    private Integer samples;

    @Override
    public void run() {
        Overlong otherwise = checkedUsage();
        List<Row> rows = Rows.read(columns.input(data.toString()), Kind.COMPLETION);
        Console console = Console.stderr();
        long began = System.nanoTime();
        try (LoadedModel loaded = LoadedModel.of(options, template.chosen())) {
            int length = Optional.ofNullable(maxLength).orElse(loaded.model().maxPositions());
            var tokenizer = new ExampleTokenizer(
                    loaded.tokenizer(), TokenizationOptions.upTo(length).withOverlong(otherwise));
            Tokenization tokens = tokenizer.apply(rows);
            requireKnownIds(loaded, tokens);
            List<Question> questions = questions(tokenizer, rows, tokens);
            show(
                    console,
                    "measuring the loss of %s …",
                    Facts.count(tokens.examples().size(), "row"));
            List<PackedBatch> batches = batches(tokens);
            Tally tally = Tally.of("measuring the loss", "batches");
            HeldOut heldOut = HeldOut.of(loaded.model(), batches, done -> tally.at(done, batches.size()));
            show(console, "answering %s …", Facts.count(questions.size(), "prompt"));
            Answers answers = Answers.of(loaded.model(), loaded.tokenizer(), questions, maxNewTokens);
            console.clear();
            report(new Measured(tokens, heldOut, answers, (System.nanoTime() - began) / 1e9));
        }
    }

    private record Measured(Tokenization tokens, HeldOut heldOut, Answers answers, double seconds) {
        long rows() {
            return tokens.examples().stream().map(Tokenized::row).distinct().count();
        }

        /// Absent where no row has a prompt.
        Optional<Double> exactMatch() {
            return answers.answers().isEmpty() ? Optional.empty() : Optional.of(answers.exactMatch());
        }
    }

    private Overlong checkedUsage() {
        require(maxNewTokens >= 1, "--max-new-tokens is %d; expected 1 or more".formatted(maxNewTokens));
        require(
                exactMatchRows == null || exactMatchRows >= 0,
                "--exact-match-rows is %d; expected 0 or more".formatted(exactMatchRows));
        require(maxLength == null || maxLength >= 2, "--max-length is %d; expected 2 or more".formatted(maxLength));
        require(samples == null || samples >= 0, "--samples is %d; expected 0 or more".formatted(samples));
        return switch (overlong) {
            case "error" -> Overlong.ERROR;
            case "truncate_start" -> Overlong.TRUNCATE_START;
            case "truncate_end" -> Overlong.TRUNCATE_END;
            case "split" -> Overlong.SPLIT;
            case "drop" -> Overlong.DROP;
            default ->
                throw new ParameterException(
                        spec.commandLine(),
                        "--overlong is \"%s\"; expected error, truncate_start, truncate_end, split or drop"
                                .formatted(overlong));
        };
    }

    private void require(boolean holds, String otherwise) {
        if (!holds) {
            throw new ParameterException(spec.commandLine(), otherwise);
        }
    }

    private void requireKnownIds(LoadedModel loaded, Tokenization tokens) {
        for (Tokenized example : tokens.examples()) {
            loaded.unknownId(example.ids()).ifPresent(fault -> {
                throw new IllegalArgumentException("%s row %d: %s; the tokenizer beside the model is another model's"
                        .formatted(data, example.row(), fault));
            });
        }
    }

    /// What whole rows ask, in their order.
    private List<Question> questions(ExampleTokenizer tokenizer, List<Row> rows, Tokenization tokens) {
        int limit = Optional.ofNullable(exactMatchRows).orElse(Integer.MAX_VALUE);
        Set<Integer> incomplete = new HashSet<>(tokens.dropped());
        incomplete.addAll(tokens.truncated());
        incomplete.addAll(tokens.split());
        List<Question> questions = new ArrayList<>();
        for (Row row : rows) {
            if (questions.size() < limit && !incomplete.contains(row.number())) {
                tokenizer.question(row).ifPresent(questions::add);
            }
        }
        return questions;
    }

    private static List<PackedBatch> batches(Tokenization tokens) {
        OptionalInt longest =
                tokens.examples().stream().mapToInt(Tokenized::tokens).max();
        return new Batches(tokens.examples(), Math.max(BATCH_TOKENS, longest.orElseThrow()), 0).inOrder();
    }

    private static void show(Console console, String format, String what) {
        if (console.isTerminal()) {
            console.busy(format.formatted(what));
        }
    }

    private void report(Measured measured) {
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            out.println(Json.line(described(measured)));
        } else {
            print(measured, out, Console.stdout().style());
        }
        out.flush();
    }

    private Map<String, Object> described(Measured measured) {
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("eval_loss", measured.heldOut.loss());
        all.put("perplexity", measured.heldOut.perplexity());
        all.put("token_accuracy", measured.heldOut.tokenAccuracy());
        all.put("exact_match", measured.exactMatch().orElse(null));
        all.put("exact_match_rows", measured.answers.answers().size());
        all.put("rows", measured.rows());
        all.put("tokens", measured.heldOut.tokens());
        all.put("seconds", measured.seconds);
        if (!measured.tokens.truncated().isEmpty() || !measured.tokens.dropped().isEmpty()) {
            all.put("truncated_rows", measured.tokens.truncated().size());
            all.put("dropped_rows", measured.tokens.dropped().size());
        }
        if (samples != null) {
            all.put(
                    "samples",
                    first(measured.answers, samples).stream()
                            .map(EvalCommand::described)
                            .toList());
        }
        return all;
    }

    private static Map<String, Object> described(Answers.Answer answer) {
        Map<String, Object> one = new LinkedHashMap<>();
        one.put("row", answer.question().row());
        one.put("prompt", answer.question().prompt());
        one.put("expected", answer.question().answer());
        one.put("answer", answer.text());
        one.put("exact", answer.exact());
        return one;
    }

    private void print(Measured measured, PrintWriter out, Style style) {
        HeldOut heldOut = measured.heldOut;
        List<Answers.Answer> all = measured.answers.answers();
        var facts = new Facts()
                .add("loss", "%.4f", heldOut.loss())
                .add("perplexity", "%.4f", heldOut.perplexity())
                .add("token accuracy", "%.2f %%", 100 * heldOut.tokenAccuracy());
        measured.exactMatch()
                .ifPresent(share -> facts.add(
                        "exact match",
                        "%.2f %%  (%,d of %,d)",
                        100 * share,
                        all.stream().filter(Answers.Answer::exact).count(),
                        all.size()));
        facts.add("rows", "%,d, with %,d tokens to predict", measured.rows(), heldOut.tokens());
        if (!measured.tokens.truncated().isEmpty() || !measured.tokens.dropped().isEmpty()) {
            facts.add(
                    "too long",
                    "%,d cut, %,d left out",
                    measured.tokens.truncated().size(),
                    measured.tokens.dropped().size());
        }
        facts.add("time", "%.1f s", measured.seconds).print(out, style);
        for (Answers.Answer answer :
                first(measured.answers, Optional.ofNullable(samples).orElse(SAMPLES))) {
            out.println();
            new Facts()
                    .add("prompt", "%s", answer.question().prompt().strip())
                    .add("expected", "%s", answer.question().answer().strip())
                    .add("answer", "%s", answer.text().strip())
                    .print(out, style);
            out.println("  " + (answer.exact() ? style.green("✓ exact") : style.red("✗ different")));
        }
    }

    private static List<Answers.Answer> first(Answers answers, int count) {
        return answers.answers().stream().limit(count).toList();
    }
}
