package dev.graft.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.data.prepare.Cleaning;
import dev.graft.data.prepare.Cleaning.Note;
import dev.graft.data.prepare.Cleaning.Outcome;
import dev.graft.data.prepare.Cleaning.PiiAction;
import dev.graft.data.prepare.Normalisation;
import dev.graft.data.prepare.Pii;
import dev.graft.data.prepare.QualityLimits;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.Stack;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.IParameterConsumer;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `graft data clean`: leaves out repetitions, bad texts and personal data, and says of each row why.
@Command(
        name = "clean",
        mixinStandardHelpOptions = true,
        header = "Leaves out repetitions and bad rows, each with its reason in a file.",
        description = {
            "%nReads rows of any shape and writes those that stay as JSON lines, in their order. Everything done to a row"
                    + " stands in the audit file: {\"row\", \"action\", \"reason\", \"detail\"}.",
            "%nA row is normalised, held against the limits, searched for personal data and compared with the rows kept"
                    + " before it; of rows that are alike the first stays.%n"
        },
        footerHeading = "%n@|bold Example|@%n",
        footer = {
            "  graft data clean raw/*.jsonl --output clean.jsonl --near-duplicates \\",
            "      --normalize nfc,newlines,control --pii mask --min-chars 10",
            "  cut -c1-100 clean.audit.jsonl",
            "  graft data clean dev.jsonl --against train.jsonl --near-duplicates \\",
            "      --output dev-clean.jsonl"
        })
final class DataCleanCommand implements Runnable {
    @Spec
    private CommandSpec spec;

    @Parameters(arity = "1..*", paramLabel = "INPUT", description = "Files, folders or patterns of rows.")
    private List<String> inputs;

    @Mixin
    private OutputOptions output;

    @Option(
            names = "--audit",
            paramLabel = "FILE",
            description = "Where the reasons go (default: beside the output, .audit.jsonl).")
    private Path audit;

    @Option(
            names = "--normalize",
            split = ",",
            paramLabel = "HOW",
            description = "Write texts alike: ${COMPLETION-CANDIDATES} (default: as they are).")
    private Set<Normalisation> normalise = EnumSet.noneOf(Normalisation.class);

    @Option(
            names = "--exact-duplicates",
            negatable = true,
            defaultValue = "true",
            fallbackValue = "true",
            description = "Of rows with the same text keep only the first (default: yes).")
    private boolean exact;

    @Option(
            names = "--near-duplicates",
            arity = "0..1",
            parameterConsumer = Similarity.class,
            paramLabel = "SIMILARITY",
            description = "Also of rows that are nearly alike: Jaccard similarity of runs of three words from which"
                    + " they count as such (0.8 when no number is given; default: not compared).")
    private Double near;

    @Option(
            names = "--by",
            split = ",",
            paramLabel = "KEY",
            description = "Compare only what stands under these keys (default: all texts of a row).")
    private List<String> by = List.of();

    @Option(
            names = "--against",
            paramLabel = "INPUT",
            description = "Also leave out what these files hold, such as held-out rows that are trained on. Can be"
                    + " repeated.")
    private List<String> against = List.of();

    @Option(
            names = "--drop-broken",
            description =
                    "Leave out rows that cannot be read, with the reason in the audit file (default: stop and name"
                            + " them).")
    private boolean dropBroken;

    @Option(
            names = "--min-chars",
            paramLabel = "N",
            defaultValue = "0",
            description = "Fewest characters of a row (default: any).")
    private int minCharacters;

    @Option(names = "--max-chars", paramLabel = "N", description = "Most characters of a row (default: any).")
    private int maxCharacters = Integer.MAX_VALUE;

    @Option(
            names = "--min-letters",
            paramLabel = "SHARE",
            defaultValue = "0",
            description = "Smallest share of letters in what is not white space, 0 to 1 (default: any).")
    private double minLetters;

    @Option(
            names = "--max-repeated-lines",
            paramLabel = "SHARE",
            defaultValue = "1",
            description = "Largest share of lines that stood in the row before, 0 to 1 (default: any).")
    private double maxRepeatedLines;

    @Option(
            names = "--max-repeated-phrases",
            paramLabel = "SHARE",
            defaultValue = "1",
            description = "Largest share of runs of four words that stood in the row before, 0 to 1 (default: any).")
    private double maxRepeatedPhrases;

    @Option(
            names = "--max-odd-chars",
            paramLabel = "N",
            description = "Most controls, replacement characters and the like in a row (default: any).")
    private int maxOdd = Integer.MAX_VALUE;

    @Option(
            names = "--pii",
            paramLabel = "WHAT",
            defaultValue = "report",
            description = "About personal data and secrets: ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}).")
    private PiiAction pii;

    @Option(
            names = "--pii-kinds",
            split = ",",
            paramLabel = "KIND",
            description = "Which of it: ${COMPLETION-CANDIDATES} (default: all but ip).")
    private Set<Pii> kinds = EnumSet.complementOf(EnumSet.of(Pii.IP));

    /// Takes a number where one follows: what follows may be a file as well.
    static final class Similarity implements IParameterConsumer {
        private static final double USUAL = 0.8;

        @Override
        public void consumeParameters(Stack<String> left, ArgSpec option, CommandSpec command) {
            boolean isNumber = !left.isEmpty() && left.peek().matches("[0-9]*\\.?[0-9]+");
            option.setValue(isNumber ? Double.valueOf(left.pop()) : (Double) USUAL);
        }
    }

    @Override
    public void run() {
        List<Path> files = DataRows.files(inputs);
        Path auditFile = Optional.ofNullable(audit).orElseGet(() -> auditBeside(output.file()));
        List<Path> others = against.stream()
                .flatMap(input -> DataRows.files(List.of(input)).stream())
                .toList();
        List<Path> read = Stream.concat(files.stream(), others.stream()).toList();
        output.requireRows(read);
        OutputOptions.requireRows("--audit", auditFile, output.overwrites(), read);
        Cleaning cleaning = new Cleaning(options());
        DataRows.write(
                output.file(),
                kept -> DataRows.write(auditFile, notes -> {
                    if (!others.isEmpty()) {
                        DataRows.each(
                                "reading",
                                others,
                                cleaning::seen,
                                (where, seen) -> cleaning.against(seen, where),
                                Optional.empty());
                    }
                    clean(files, cleaning, kept, notes);
                }));
        print(cleaning, auditFile);
    }

    private Cleaning.Options options() {
        var limits = new QualityLimits(
                minCharacters, maxCharacters, minLetters, maxRepeatedLines, maxRepeatedPhrases, maxOdd);
        OptionalDouble similarity = near == null ? OptionalDouble.empty() : OptionalDouble.of(near);
        return new Cleaning.Options(normalise, exact, similarity, by, limits, pii, kinds);
    }

    static Path auditBeside(Path output) {
        String name = output.getFileName().toString();
        int dot = name.lastIndexOf('.');
        return output.resolveSibling((dot > 0 ? name.substring(0, dot) : name) + ".audit.jsonl");
    }

    private void clean(List<Path> files, Cleaning cleaning, DataRows.Writer kept, DataRows.Writer notes)
            throws IOException {
        DataRows.ResultTaker<Cleaning.Seen> each = (where, seen) -> {
            Outcome outcome = cleaning.next(seen, where);
            if (outcome.row().isPresent()) {
                kept.write(outcome.row().get());
            }
            for (Note note : outcome.notes()) {
                notes.write(line(where, note));
            }
        };
        Optional<DataRows.ResultTaker<String>> unreadable = dropBroken
                ? Optional.of((where, reason) -> notes.write(line(where, cleaning.broken(reason))))
                : Optional.empty();
        DataRows.each("cleaning", files, cleaning::seen, each, unreadable);
    }

    private static ObjectNode line(String where, Note note) {
        return JsonNodeFactory.instance
                .objectNode()
                .put("row", where)
                .put("action", note.action())
                .put("reason", note.reason())
                .put("detail", note.detail());
    }

    private void print(Cleaning cleaning, Path auditFile) {
        PrintWriter out = spec.commandLine().getOut();
        var facts = new Facts();
        facts.add("read", "%s", Facts.count(cleaning.rows(), "row"));
        facts.add("kept", "%s in %s", Facts.count(cleaning.kept(), "row"), output.file());
        cleaning.counts().forEach((what, count) -> facts.add(what.replace('_', ' '), "%s", Facts.count(count, "row")));
        facts.add("audit", "%s", auditFile);
        facts.print(out, Console.stdout().style());
        out.flush();
    }
}
