package dev.graft.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.data.Example;
import dev.graft.data.ExampleTokenizer;
import dev.graft.data.InOrder;
import dev.graft.data.Input;
import dev.graft.data.Row;
import dev.graft.data.TokenizationOptions;
import dev.graft.data.input.FileFormat;
import dev.graft.data.input.RawRow;
import dev.graft.data.prepare.Lengths;
import dev.graft.data.prepare.Pii;
import dev.graft.data.prepare.Profile;
import dev.graft.data.prepare.RowTexts;
import dev.graft.data.shape.RowShape;
import dev.graft.data.shape.RowShape.Kind;
import dev.graft.data.shape.RowShapes;
import dev.graft.eval.DataPage;
import dev.graft.format.AtomicFiles;
import dev.graft.tokenizer.Tokenizer;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.TreeMap;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `graft data inspect`: what a file of rows is and holds, before anybody trains on it.
@Command(
        name = "inspect",
        mixinStandardHelpOptions = true,
        header = "Says what files of rows hold: shapes, lengths, repetitions, odd texts.",
        description = {
            "%nReads every row and changes nothing. With a model or tokenizer, lengths are also in tokens, counted as"
                    + " training would see the row.%n"
        },
        footerHeading = "%n@|bold Example|@%n",
        footer = {"  graft data inspect rows.jsonl --model models/stories --max-length 512 \\", "      --html rows.html"
        })
final class DataInspectCommand implements Runnable {
    private static final int CATEGORIES_SHOWN = 12;
    private static final int FAULTS_SHOWN = 5;
    private static final String NO_SHAPE = "none known";

    @Spec
    private CommandSpec spec;

    @Parameters(arity = "1..*", paramLabel = "INPUT", description = "Files, folders or patterns of rows.")
    private List<String> inputs;

    @Option(
            names = "--model",
            paramLabel = "MODEL",
            description = "Model or tokenizer.json to count tokens with (default: only characters and words).")
    private Path model;

    @Mixin
    private TemplateOptions template;

    @Mixin
    private RenamedColumns columns;

    @Option(
            names = "--max-length",
            paramLabel = "N",
            description = "Say how many rows have more tokens than this; needs --model.")
    private Integer maxLength;

    @Option(
            names = "--near-duplicates",
            paramLabel = "SIMILARITY",
            defaultValue = "0.8",
            description = "Similarity from which rows count as nearly the same; 1 looks for equal ones only (default:"
                    + " ${DEFAULT-VALUE}).")
    private double near;

    @Option(names = "--html", paramLabel = "FILE", description = "Also write a page with plots.")
    private Path html;

    @Option(names = "--overwrite", description = "Replace the page if it exists.")
    private boolean overwrite;

    /// What the pass over the rows gathers beside the profile.
    private final Map<String, Integer> shapes = new TreeMap<>();

    private final List<String> broken = new ArrayList<>();
    private final List<String> unusable = new ArrayList<>();
    private Input renaming;
    private long overlong;
    private final Lengths tokens = new Lengths();
    private final Lengths labelled = new Lengths();

    @Override
    public void run() {
        if (maxLength != null && model == null) {
            throw new IllegalArgumentException("--max-length counts tokens; say with --model whose");
        }
        if (template.chosen().isPresent() && model == null) {
            throw new IllegalArgumentException("--chat-template writes tokens; say with --model whose");
        }
        if (html != null) {
            OutputOptions.require("--html", html, overwrite);
        }
        if (!(near > 0 && near <= 1)) {
            throw new IllegalArgumentException(
                    "--near-duplicates is %s; expected more than 0 and at most 1, such as 0.8".formatted(near));
        }
        List<Path> files = DataRows.files(inputs);
        renaming = new Input(inputs.getFirst(), columns.names(), Optional.empty());
        Profile profile = new Profile(near >= 1 ? OptionalDouble.empty() : OptionalDouble.of(near));
        if (model == null) {
            read(files, profile, Optional.empty());
        } else {
            try (Tokenizer tokenizer = Tokenizer.load(model, template.chosen())) {
                read(files, profile, Optional.of(tokenizer));
            }
        }
        if (profile.rows() == 0 && broken.isEmpty()) {
            throw new IllegalArgumentException("%s: there are no rows".formatted(DataRows.names(files)));
        }
        print(files, profile);
        if (html != null) {
            AtomicFiles.writeString(html, page(files, profile));
        }
    }

    /// What is found in one row; a reason where it cannot be read, or not be trained on.
    private record Inspected(
            Optional<Profile.Looked> looked, String shape, Optional<String> fault, int tokens, int labelled) {}

    private void read(List<Path> files, Profile profile, Optional<Tokenizer> tokenizer) {
        Optional<ExampleTokenizer> examples =
                tokenizer.map(one -> new ExampleTokenizer(one, TokenizationOptions.upTo(Integer.MAX_VALUE)));
        try (var progress = new ReadingProgress(Console.stderr(), "reading", files);
                var rows = new PlacedRows(files, progress)) {
            InOrder.run(rows, PlacedRows.Placed::size, row -> inspected(row, profile, examples), (row, found) -> {
                take(files.size() == 1 ? "row " + row.row().number() : row.where(), found, profile);
                boolean isCut = FileFormat.of(row.file()).orElseThrow() == FileFormat.TEXT; // into windows
                overlong += maxLength != null && found.tokens > maxLength && !isCut ? 1 : 0;
            });
        }
    }

    private void take(String where, Inspected found, Profile profile) {
        if (found.looked.isEmpty()) {
            broken.add("%s %s".formatted(where, found.fault.orElseThrow()));
            return;
        }
        profile.add(where, found.looked.get());
        shapes.merge(found.shape, 1, Integer::sum);
        found.fault.ifPresent(reason -> unusable.add("%s: %s".formatted(where, reason)));
        if (found.tokens > 0) {
            tokens.add(found.tokens);
        }
        if (found.labelled > 0) {
            labelled.add(found.labelled);
        }
    }

    private Inspected inspected(PlacedRows.Placed row, Profile profile, Optional<ExampleTokenizer> examples) {
        return switch (row.row()) {
            case RawRow.Broken(int _, String reason) ->
                new Inspected(Optional.empty(), NO_SHAPE, Optional.of(reason), 0, 0);
            case RawRow.Values(int number, ObjectNode columns) -> {
                Optional<Profile.Looked> looked = Optional.of(profile.look(columns));
                try {
                    ObjectNode renamed = renaming.renamed(columns);
                    List<RowShape> fitting =
                            RowShapes.of(renamed, renaming.columns().keySet());
                    String names = fitting.isEmpty()
                            ? NO_SHAPE
                            : fitting.stream().map(RowShape::name).collect(Collectors.joining(" or "));
                    yield fitting.size() == 1
                            ? ofShape(row, number, fitting.getFirst(), renamed, looked, examples)
                            : new Inspected(looked, names, Optional.empty(), plainTokens(columns, examples), 0);
                } catch (IllegalArgumentException e) {
                    yield new Inspected(looked, NO_SHAPE, Optional.of(e.getMessage()), 0, 0);
                }
            }
        };
    }

    /// A row of one shape; what is learnt of others than of texts depends on the objective, so that of them
    /// the texts are counted.
    private static Inspected ofShape(
            PlacedRows.Placed row,
            int number,
            RowShape shape,
            ObjectNode columns,
            Optional<Profile.Looked> looked,
            Optional<ExampleTokenizer> examples) {
        try {
            Example example = shape.example(columns);
            if (examples.isEmpty() || shape.kind() != Kind.COMPLETION) {
                return new Inspected(looked, shape.name(), Optional.empty(), plainTokens(columns, examples), 0);
            }
            var made = examples.get().apply(List.of(new Row(row.file(), number, example)));
            return new Inspected(
                    looked, shape.name(), Optional.empty(), (int) made.tokens(), (int) made.labelledTokens());
        } catch (IllegalArgumentException e) {
            return new Inspected(looked, shape.name(), Optional.of(DataTokensCommand.reason(e)), 0, 0);
        }
    }

    private static int plainTokens(ObjectNode row, Optional<ExampleTokenizer> examples) {
        return examples.map(one -> one.tokenizer().encode(RowTexts.of(row), true).length)
                .orElse(0);
    }

    private void print(List<Path> files, Profile profile) {
        PrintWriter out = spec.commandLine().getOut();
        Style style = Console.stdout().style();
        var facts = new Facts();
        facts.add("input", "%s, %s", DataRows.names(files), Facts.bytes(size(files)));
        facts.add("rows", "%s", Facts.count(profile.rows()));
        shapes.forEach((name, count) -> facts.add(
                "shape " + name,
                "%s%s",
                Facts.count(count, "row"),
                name.equals(NO_SHAPE) ? "; --columns (data.columns of a recipe) says what other columns mean" : ""));
        facts.add("characters", "%s", spread(profile.characters()));
        facts.add("words", "%s", spread(profile.words()));
        if (tokens.count() > 0) {
            facts.add("tokens", "%s, %s in all", spread(tokens), Facts.count(tokens.total()));
        }
        if (labelled.count() > 0) {
            facts.add("labelled tokens", "%s, %s in all", spread(labelled), Facts.count(labelled.total()));
        }
        findings(profile).forEach((name, text) -> facts.add(name, "%s", text));
        facts.print(out, style);
        columns(profile, out, style);
        out.flush();
    }

    private static String spread(Lengths lengths) {
        return "%,d to %,d, median %,d, 90 %% up to %,d, 99 %% up to %,d"
                .formatted(
                        lengths.quantile(0),
                        lengths.quantile(1),
                        lengths.quantile(0.5),
                        lengths.quantile(0.9),
                        lengths.quantile(0.99));
    }

    /// What may be wrong, by name; nothing where nothing is.
    private Map<String, String> findings(Profile profile) {
        Map<String, String> found = new LinkedHashMap<>();
        seen(found, "empty", profile.empty());
        seen(found, "exact duplicates", profile.exactDuplicates());
        seen(found, "near duplicates", profile.nearDuplicates());
        seen(found, "odd characters", profile.odd());
        seen(found, "wrong encoding?", profile.mojibake());
        if (overlong > 0) {
            found.put(
                    "over-long",
                    "%s of more than %,d tokens; %,d would fit all"
                            .formatted(Facts.count(overlong, "row"), maxLength, tokens.quantile(1)));
        }
        if (!profile.pii().isEmpty()) {
            found.put(
                    "personal data",
                    profile.pii().entrySet().stream()
                            .map(entry ->
                                    "%s in %s".formatted(label(entry.getKey()), Facts.count(entry.getValue(), "row")))
                            .collect(Collectors.joining(", ")));
        }
        if (profile.scripts().size() > 1) {
            found.put(
                    "scripts",
                    profile.scripts().entrySet().stream()
                            .sorted(Map.Entry.<String, Integer>comparingByValue()
                                    .reversed())
                            .map(entry -> "%s %,d".formatted(entry.getKey().toLowerCase(Locale.ROOT), entry.getValue()))
                            .collect(Collectors.joining(", ")));
        }
        listed(found, "cannot be read", broken);
        listed(found, "cannot be trained on", unusable);
        return found;
    }

    private static String label(Pii kind) {
        return kind.label().replace('_', ' ');
    }

    private static void seen(Map<String, String> found, String name, Profile.Seen seen) {
        if (seen.rows() > 0) {
            found.put(
                    name,
                    "%s: %s%s"
                            .formatted(
                                    Facts.count(seen.rows(), "row"),
                                    String.join(", ", seen.examples()),
                                    seen.rows() > seen.examples().size() ? ", …" : ""));
        }
    }

    private static void listed(Map<String, String> found, String name, List<String> faults) {
        if (!faults.isEmpty()) {
            String more =
                    faults.size() > FAULTS_SHOWN ? "\n… and %,d more".formatted(faults.size() - FAULTS_SHOWN) : "";
            found.put(
                    name,
                    Facts.count(faults.size(), "row") + "\n"
                            + String.join("\n", faults.subList(0, Math.min(FAULTS_SHOWN, faults.size()))) + more);
        }
    }

    private static void columns(Profile profile, PrintWriter out, Style style) {
        out.println(style.bold("\nColumns"));
        var facts = new Facts();
        profile.columns().forEach((name, column) -> {
            String kinds = column.kinds().entrySet().stream()
                    .map(entry -> "%s %,d".formatted(entry.getKey(), entry.getValue()))
                    .collect(Collectors.joining(", "));
            facts.add(name, "%s%s", kinds, balance(column));
        });
        facts.print(out, style);
    }

    private static String balance(Profile.Column column) {
        Map<String, Integer> categories = column.categories();
        if (categories.isEmpty()) {
            return "";
        }
        String shown = categories.entrySet().stream()
                .limit(CATEGORIES_SHOWN)
                .map(entry -> "%s %,d (%.1f %%)"
                        .formatted(entry.getKey(), entry.getValue(), 100.0 * entry.getValue() / column.filled()))
                .collect(Collectors.joining(", "));
        int more = categories.size() - CATEGORIES_SHOWN;
        return "\n%,d values: %s%s"
                .formatted(categories.size(), shown, more > 0 ? ", … and %,d more".formatted(more) : "");
    }

    private String page(List<Path> files, Profile profile) {
        Map<String, Lengths> lengths = new LinkedHashMap<>();
        if (tokens.count() > 0) {
            lengths.put("Tokens of a row", tokens);
        }
        if (labelled.count() > 0) {
            lengths.put("Labelled tokens of a row", labelled);
        }
        lengths.put("Characters of a row", profile.characters());
        return DataPage.of(DataRows.names(files), shapes, profile, lengths, findings(profile));
    }

    private static long size(List<Path> files) {
        long bytes = 0;
        for (Path file : files) {
            try {
                bytes += Files.size(file);
            } catch (IOException e) {
                throw new UncheckedIOException("cannot read " + file, e);
            }
        }
        return bytes;
    }
}
