package dev.graft.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.data.DataHash;
import dev.graft.data.prepare.NearDuplicates;
import dev.graft.data.prepare.Parting;
import dev.graft.data.prepare.RowTexts;
import dev.graft.format.AtomicFiles;
import dev.graft.format.Json;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `graft data split`: parts rows into train, validation and test so that nothing leaks from one into
/// another.
@Command(
        name = "split",
        mixinStandardHelpOptions = true,
        header = "Parts rows into train, validation and test so that nothing leaks.",
        description = {
            "%nWrites DIR/train.jsonl, DIR/validation.jsonl, DIR/test.jsonl and DIR/split.json, which says how. Rows keep"
                    + " their order. The same rows, options and seed give the same parts.",
            "%nRows that are alike, or nearly so, stay on one side, and so do rows of one group. What a part is to hold is"
                    + " a share (0.1) or a number of rows (500); train takes what is left.%n"
        },
        footerHeading = "%n@|bold Example|@%n",
        footer = {
            "  graft data split rows.jsonl --output parts --validation 0.1 --test 200 \\",
            "      --stratify label"
        })
final class DataSplitCommand implements Runnable {
    private static final List<String> PARTS = List.of("train", "validation", "test");

    @Spec
    private CommandSpec spec;

    @Parameters(arity = "1..*", paramLabel = "INPUT", description = "Files, folders or patterns of rows.")
    private List<String> inputs;

    @Option(names = "--output", required = true, paramLabel = "DIR", description = "Folder the parts go into.")
    private Path output;

    @Option(
            names = "--validation",
            paramLabel = "SIZE",
            defaultValue = "0.1",
            description = "Share or number of rows (default: ${DEFAULT-VALUE}).")
    private String validation;

    @Option(
            names = "--test",
            paramLabel = "SIZE",
            defaultValue = "0",
            description = "Share or number of rows (default: none).")
    private String test;

    @Option(
            names = "--stratify",
            paramLabel = "KEY",
            description = "Give every part its share of each value under this key, such as label.")
    private String stratify;

    @Option(
            names = "--group",
            paramLabel = "KEY",
            description = "Keep rows with the same value under this key together.")
    private String group;

    @Option(
            names = "--near-duplicates",
            paramLabel = "SIMILARITY",
            defaultValue = "0.8",
            description = "Keep rows this alike together: Jaccard similarity of runs of three words; 1 for exact ones"
                    + " only (default: ${DEFAULT-VALUE}).")
    private double near;

    @Option(
            names = "--by",
            split = ",",
            paramLabel = "KEY",
            description = "Compare only what stands under these keys (default: all texts of a row).")
    private List<String> by = List.of();

    @Option(names = "--seed", paramLabel = "N", defaultValue = "42", description = "Default: ${DEFAULT-VALUE}.")
    private long seed;

    @Option(names = "--overwrite", description = "Replace the output files if they exist.")
    private boolean overwrite;

    /// What the first pass over the rows finds.
    private static final class Found {
        final Parting parting = new Parting();
        final List<String> labels = new ArrayList<>();
        int together;
    }

    @Override
    public void run() {
        List<Path> files = DataRows.files(inputs);
        makeFolder();
        PARTS.forEach(part -> OutputOptions.requireRows("--output", file(part), overwrite, files));
        OutputOptions.require("--output", output.resolve("split.json"), overwrite);
        Found found = read(files);
        long[] sizes = sizes(found.parting.rows());
        int[] parts = found.parting.parts(sizes, seed);
        try {
            write(files, parts, sizes, List.of());
            for (int part = 0; part < sizes.length; part++) {
                if (sizes[part] == 0) {
                    Files.deleteIfExists(file(PARTS.get(part))); // of an earlier split: it would leak into this one
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        report(files, found, sizes, parts);
    }

    private void makeFolder() {
        try {
            Files.createDirectories(output);
        } catch (IOException e) {
            throw new UncheckedIOException("%s cannot be made a folder (%s)".formatted(output, e), e);
        }
    }

    private Path file(String part) {
        return output.resolve(part + ".jsonl");
    }

    private Found read(List<Path> files) {
        Found found = new Found();
        NearDuplicates alike = new NearDuplicates(near);
        Map<String, Integer> firstOfGroup = new HashMap<>();
        DataRows.each(
                "reading",
                files,
                row -> looked(row, alike),
                (_, row) -> {
                    int index = found.parting.add(row.label);
                    found.labels.add(row.label);
                    List<NearDuplicates.Match> matches = alike.matches(row.sketch);
                    matches.forEach(match -> found.parting.bind(index, match.index()));
                    found.together += matches.isEmpty() ? 0 : 1;
                    row.group.ifPresent(value -> {
                        Integer first = firstOfGroup.putIfAbsent(value, index);
                        if (first != null) {
                            found.parting.bind(index, first);
                        }
                    });
                    alike.add(row.sketch);
                },
                Optional.empty());
        return found;
    }

    /// What can be said of a row without knowing the others.
    private record Looked(String label, Optional<String> group, NearDuplicates.Sketch sketch) {}

    private Looked looked(ObjectNode row, NearDuplicates alike) {
        return new Looked(
                stratify == null ? "" : RowTexts.value(row, stratify),
                Optional.ofNullable(group).map(key -> RowTexts.value(row, key)),
                alike.sketch(RowTexts.of(row, by)));
    }

    private long[] sizes(int rows) {
        long validationRows = size("--validation", validation, rows);
        long testRows = size("--test", test, rows);
        long train = rows - validationRows - testRows;
        if (train < 1) {
            throw new IllegalArgumentException(
                    "--validation %s and --test %s leave %,d of %,d rows to train on; at least one is needed"
                            .formatted(validation, test, train, rows));
        }
        return new long[] {train, validationRows, testRows};
    }

    /// A number with a point is a share, rounded, and at least one row; one without is a number of rows.
    static long size(String option, String text, int rows) {
        try {
            if (text.contains(".")) {
                double share = Double.parseDouble(text);
                if (share >= 0 && share < 1) {
                    return share == 0 ? 0 : Math.max(1, Math.round(share * rows));
                }
            } else {
                long count = Long.parseLong(text);
                if (count >= 0) {
                    return count;
                }
            }
        } catch (NumberFormatException e) {
            // falls through to the sentence
        }
        throw new IllegalArgumentException(
                "%s is \"%s\"; expected a share such as 0.1 or a number of rows such as 500".formatted(option, text));
    }

    /// Opens the parts that are wanted one inside the other, so that either all of them come into place
    /// or none.
    private void write(List<Path> files, int[] parts, long[] sizes, List<Optional<DataRows.Writer>> open)
            throws IOException {
        int part = open.size();
        if (part == PARTS.size()) {
            distribute(files, parts, open);
        } else if (sizes[part] == 0) {
            write(files, parts, sizes, with(open, Optional.empty()));
        } else {
            DataRows.write(
                    file(PARTS.get(part)), writer -> write(files, parts, sizes, with(open, Optional.of(writer))));
        }
    }

    private static <T> List<T> with(List<T> list, T next) {
        List<T> longer = new ArrayList<>(list);
        longer.add(next);
        return longer;
    }

    private static void distribute(List<Path> files, int[] parts, List<Optional<DataRows.Writer>> writers)
            throws IOException {
        int[] next = {0};
        DataRows.each(files, (where, row) -> {
            if (next[0] == parts.length) {
                throw changed();
            }
            writers.get(parts[next[0]++]).orElseThrow().write(row);
        });
        if (next[0] != parts.length) {
            throw changed();
        }
    }

    private static IllegalStateException changed() {
        return new IllegalStateException("the input changed while it was read; nothing was written. Try again.");
    }

    private void report(List<Path> files, Found found, long[] wanted, int[] parts) {
        long[] sizes = new long[PARTS.size()];
        Map<String, long[]> byLabel = new TreeMap<>();
        for (int i = 0; i < parts.length; i++) {
            sizes[parts[i]]++;
            byLabel.computeIfAbsent(found.labels.get(i), _ -> new long[PARTS.size()])[parts[i]]++;
        }
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("inputs", files.stream().map(Path::toString).toList());
        json.put("sha256", DataHash.of(files.toArray(Path[]::new)));
        json.put("seed", seed);
        json.put("near_duplicates", near);
        json.put("stratify", stratify);
        json.put("group", group);
        json.put("parts", PARTS);
        json.put("rows", sizes);
        json.put("groups", found.parting.groups());
        if (stratify != null) {
            json.put("labels", byLabel);
        }
        AtomicFiles.writeString(output.resolve("split.json"), Json.pretty(json) + "\n");

        PrintWriter out = spec.commandLine().getOut();
        var facts = new Facts();
        facts.add(
                "read",
                "%s in %s that stay together",
                Facts.count(parts.length, "row"),
                Facts.count(found.parting.groups(), "group"));
        facts.add("like an earlier row", "%s", Facts.count(found.together, "row"));
        for (int part = 0; part < PARTS.size(); part++) {
            if (wanted[part] == 0) {
                continue;
            }
            String missed =
                    sizes[part] == wanted[part] ? "" : " (%,d wanted; groups are not parted)".formatted(wanted[part]);
            facts.add(PARTS.get(part), "%s in %s%s", Facts.count(sizes[part], "row"), file(PARTS.get(part)), missed);
        }
        if (stratify != null && byLabel.size() <= 20) {
            byLabel.forEach((label, counts) ->
                    facts.add("  " + label, "%s", Arrays.toString(counts).replaceAll("[\\[\\]]", "")));
        }
        facts.print(out, Console.stdout().style());
        out.flush();
    }
}
