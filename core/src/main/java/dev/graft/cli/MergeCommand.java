package dev.graft.cli;

import dev.graft.eval.Agreement;
import dev.graft.export.FoldReport;
import dev.graft.export.Merge;
import dev.graft.export.MergeReport;
import dev.graft.export.MergeSettings;
import dev.graft.format.AtomicFiles;
import dev.graft.format.Json;
import dev.graft.model.LanguageModel;
import dev.graft.peft.Origin;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `graft merge`.
@Command(
        name = "merge",
        mixinStandardHelpOptions = true,
        header = "Folds adapters into their base model, or several into one.",
        synopsisHeading = "%nUsage: ",
        description = {
            "%nWrites a model folder that runs without the adapters, anywhere the base runs. Each changed weight is"
                    + " W + ΔW, added in float32 and rounded once to the type it is saved in. The base is read tensor by"
                    + " tensor.",
            "%nRounding can eat what was learnt. So every merge is measured: how much of each ΔW rounding took, and on"
                    + " a probe text how far the merged model's predictions are from those of base + adapter. It prints"
                    + " that, writes it into DIR as merge_report.json and merge_report.txt, and fails without"
                    + " leaving DIR when a limit is passed.",
            "%nSeveral adapters are combined by their true changes, ΔW = s·B·A, not by their factors.%n"
        },
        optionListHeading = "%n@|bold Options|@%n",
        footerHeading = "%n@|bold Examples|@%n",
        footer = {
            "  graft merge examples/quickstart/base runs/quickstart/adapter --output merged",
            "  graft merge models/base runs/a/adapter runs/b/adapter --weights 0.7,0.3 \\",
            "      --method ties --density 0.2 --output merged",
            "  graft merge models/base runs/a/adapter runs/b/adapter --method svd --rank 16 --output both"
        })
final class MergeCommand implements Runnable {
    static final String REPORT_JSON = "merge_report.json";
    static final String REPORT_TEXT = "merge_report.txt";

    @Spec
    private CommandSpec spec;

    @Parameters(index = "0", paramLabel = "MODEL", description = "Folder of the base model.")
    private Path model;

    @Parameters(index = "1..*", arity = "1..*", paramLabel = "ADAPTER", description = "Folders of adapters.")
    private List<Path> adapters;

    @Option(names = "--output", required = true, paramLabel = "DIR", description = "Folder to create.")
    private Path output;

    @Option(names = "--overwrite", description = "Replace DIR if an earlier merge made it.")
    private boolean overwrite;

    @Option(
            names = "--force",
            description = "Merge adapters although they were trained on other weights, or with another tokenizer or"
                    + " chat template, than MODEL has.")
    private boolean force;

    @Mixin
    private MergeOptions options;

    @Option(
            names = "--keep-delta",
            description = "Also keep what the merge takes away, compressed, in DIR/unmerge.zip, so that graft unmerge"
                    + " gives the base back bit for bit.")
    private boolean keepDelta;

    @Option(
            names = "--probe",
            paramLabel = "FILE",
            description = "Compare on these rows (.jsonl, .json, .txt), best the adapter's own held-out ones; none"
                    + " compares nothing (default: short texts that come with Graft).")
    private Path probe;

    @Option(
            names = "--probe-rows",
            paramLabel = "N",
            defaultValue = "64",
            description = "Compare on the first N rows of FILE (default: ${DEFAULT-VALUE}).")
    private int probeRows;

    @Option(
            names = "--max-kl",
            paramLabel = "X",
            defaultValue = "0.01",
            description = "Fail when the mean KL divergence of a token's prediction, merged from base + adapter, is"
                    + " larger (in nats; default: ${DEFAULT-VALUE}).")
    private double maxKl;

    @Option(
            names = "--max-rounding",
            paramLabel = "Y",
            defaultValue = "0.5",
            description = "Fail when rounding moves any tensor by more than Y times ‖ΔW‖ (default: ${DEFAULT-VALUE}).")
    private double maxRounding;

    @Override
    public void run() {
        MergeSettings settings = options.settings(adapters.size(), spec.commandLine());
        require(!keepDelta || !options.method().asAdapter(), "--keep-delta is for models; an adapter changes no base");
        require(probeRows >= 1, "--probe-rows is %d; expected 1 or more".formatted(probeRows));
        require(maxKl >= 0, "--max-kl is %s; expected 0 or more".formatted(maxKl));
        require(maxRounding >= 0, "--max-rounding is %s; expected 0 or more".formatted(maxRounding));
        requirePlace();
        adapters.forEach(adapter -> AdapterOrigin.require(adapter, model, force));
        try (Merge merge = Merge.open(model, adapters, settings)) {
            AtomicFiles.directory(output, overwrite, folder -> {
                if (options.method().asAdapter()) {
                    intoAdapter(merge, settings, folder);
                } else {
                    intoModel(merge, settings, folder);
                }
            });
        }
    }

    private void intoAdapter(Merge merge, MergeSettings settings, Path folder) {
        say(Console.stderr(), "merging %s …".formatted(Facts.count(adapters.size(), "adapter")));
        FoldReport report = merge.fold(folder, options.rank(), model.toString());
        Console.stderr().clear();
        Map<String, Object> made = AdapterOrigin.now();
        made.put("merged", request(settings));
        new Origin(AdapterOrigin.base(model), made).write(folder);
        Map<String, Object> json = request(settings);
        json.putAll(report.json());
        AtomicFiles.writeString(folder.resolve(REPORT_JSON), Json.pretty(json) + "\n");
        Facts facts = new Facts()
                .add(
                        "adapter",
                        "rank %d, %s",
                        report.rank(),
                        Facts.count(report.layers().size(), "layer"))
                .add("residual", "%.3g %% of the combined change does not fit into that rank", 100 * report.residual());
        report.worstFirst().stream()
                .limit(1)
                .forEach(worst -> facts.add("worst", "%s: %.3g %%", worst.name(), 100 * worst.relative()));
        facts.print(spec.commandLine().getOut(), Console.stdout().style());
        spec.commandLine().getOut().flush();
    }

    private void require(boolean fine, String otherwise) {
        if (!fine) {
            throw new ParameterException(spec.commandLine(), otherwise);
        }
    }

    private void requirePlace() {
        if (Files.exists(output) && !overwrite) {
            throw new IllegalArgumentException(
                    "%s exists already; name a folder that does not, or replace an earlier merge with --overwrite"
                            .formatted(output));
        }
        if (Files.exists(output) && !Files.exists(output.resolve(REPORT_JSON))) {
            throw new IllegalArgumentException(
                    "%s was not made by graft merge (it has no %s), so --overwrite does not replace it"
                            .formatted(output, REPORT_JSON));
        }
    }

    private void intoModel(Merge merge, MergeSettings settings, Path folder) {
        Console console = Console.stderr();
        say(console, "merging %s into %s …".formatted(Facts.count(adapters.size(), "adapter"), model));
        MergeReport report = keepDelta ? merge.writeWithDelta(folder) : merge.write(folder);
        Optional<MergeProbe> compared = probe(merge);
        Optional<Agreement> agreement = compared.map(tokens -> {
            say(console, "comparing with base + adapter on %s …".formatted(tokens.what()));
            try (LanguageModel merged = Merge.streamed(folder)) {
                return Agreement.of(merged, merge.reference(), tokens.batches());
            }
        });
        console.clear();
        var verdict = new MergeVerdict(
                request(settings),
                report,
                compared.map(MergeProbe::what),
                agreement,
                new MergeVerdict.Limits(maxKl, maxRounding));
        verdict.print(spec.commandLine().getOut(), Console.stdout().style());
        spec.commandLine().getOut().flush();
        requirePassed(verdict);
        AtomicFiles.writeString(folder.resolve(REPORT_JSON), Json.pretty(verdict.json()) + "\n");
        AtomicFiles.writeString(folder.resolve(REPORT_TEXT), verdict.text());
    }

    private static void say(Console console, String doing) {
        if (console.isTerminal()) {
            console.busy(doing);
        }
    }

    private Optional<MergeProbe> probe(Merge merge) {
        if (probe == null) {
            return Optional.of(MergeProbe.builtIn(model, merge.reference()));
        }
        return probe.equals(Path.of("none"))
                ? Optional.empty()
                : Optional.of(MergeProbe.of(probe, probeRows, model, merge.reference()));
    }

    private Map<String, Object> request(MergeSettings settings) {
        Map<String, Object> request = new LinkedHashMap<>();
        request.put("base", model.toString());
        request.put("adapters", adapters.stream().map(Path::toString).toList());
        request.put("weights", settings.weights());
        request.put("method", options.method().toString());
        if (settings.method().isSparse()) {
            request.put("density", settings.density());
            request.put("seed", settings.seed());
        }
        request.put("dtype", settings.saveType().map(Enum::name).orElse("auto"));
        return request;
    }

    /// Leaves the report beside the folder that does not come to be.
    private void requirePassed(MergeVerdict verdict) {
        if (verdict.faults().isEmpty()) {
            return;
        }
        Path report = output.toAbsolutePath().resolveSibling(output.getFileName() + "." + REPORT_JSON);
        AtomicFiles.writeString(report, Json.pretty(verdict.json()) + "\n");
        throw new IllegalStateException(
                "%s was not written: %s. Save with --dtype float32, keep the adapter beside its base (--adapter), or raise the limit if this is good enough. The report is %s."
                        .formatted(output, String.join("; ", verdict.faults()), report));
    }
}
