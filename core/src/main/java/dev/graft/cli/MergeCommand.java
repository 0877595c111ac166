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
import dev.graft.tokenizer.ChatTemplate;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/// `graft merge`.
@Command(
        name = "merge",
        mixinStandardHelpOptions = true,
        header = "Folds adapters into their base model, or several into one.",
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
        footerHeading = "%n@|bold Examples|@%n",
        footer = {
            "  graft merge examples/quickstart/base runs/quickstart/adapter --output merged",
            "  graft merge models/base runs/a/adapter runs/b/adapter --weights 0.7,0.3 \\",
            "      --method ties --density 0.2 --output merged",
            "  graft merge models/base runs/a/adapter runs/b/adapter --method svd --rank 16 \\",
            "      --output both"
        })
final class MergeCommand implements Runnable {
    static final String REPORT_JSON = "merge_report.json";
    static final String REPORT_TEXT = "merge_report.txt";

    @Spec
    private CommandSpec spec;

    @Parameters(
            index = "0",
            paramLabel = "MODEL",
            description = "The base model: a folder, a .gguf or a llama2.c .bin file.")
    private Path model;

    @Parameters(index = "1..*", arity = "1..*", paramLabel = "ADAPTER", description = "Folders of adapters.")
    private List<Path> adapters;

    @Option(
            names = "--output",
            required = true,
            paramLabel = "DIR",
            description = "Folder to create, or with --format gguf the file.")
    private Path output;

    /// What a merged model is written as.
    enum Format {
        HF,
        GGUF
    }

    @Option(
            names = "--format",
            paramLabel = "F",
            defaultValue = "hf",
            converter = FormatName.class,
            description = "hf, a folder as Hugging Face's, or gguf, a file for llama.cpp (default: ${DEFAULT-VALUE})."
                    + " To quantise, merge into a folder and use graft export.")
    private Format format;

    static final class FormatName implements ITypeConverter<Format> {
        @Override
        public Format convert(String name) {
            return switch (name) {
                case "hf" -> Format.HF;
                case "gguf" -> Format.GGUF;
                default -> throw new TypeConversionException("\"%s\" is not one of hf | gguf".formatted(name));
            };
        }
    }

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
            description =
                    "Compare on these rows (.jsonl, .json, .csv, .tsv, .parquet, .txt), best the adapter's own held-out ones; none"
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
            description = "Fail when the mean KL divergence of a token's prediction, merged from base + adapter, is"
                    + " larger (in nats; default: 0.01, of a quantised model 0.1).")
    private Double maxKl;

    @Option(
            names = "--max-rounding",
            paramLabel = "Y",
            description = "Fail when rounding moves any tensor by more than Y times ‖ΔW‖ (default: 0.5; of a quantised"
                    + " model, whose steps are larger than most changes, no limit).")
    private Double maxRounding;

    /// That the adapters were trained with, where it is not the base's.
    private Optional<ChatTemplate> template = Optional.empty();

    @Override
    public void run() {
        MergeSettings settings = options.settings(adapters.size(), spec.commandLine());
        require(
                format == Format.HF || !options.method().asAdapter(),
                "--format gguf is for models; graft export writes adapters as GGUF");
        require(format == Format.HF || !keepDelta, "--keep-delta goes with --format hf");
        require(!keepDelta || !options.method().asAdapter(), "--keep-delta is for models; an adapter changes no base");
        require(probeRows >= 1, "--probe-rows is %d; expected 1 or more".formatted(probeRows));
        require(maxKl == null || maxKl >= 0, "--max-kl is %s; expected 0 or more".formatted(maxKl));
        require(
                maxRounding == null || maxRounding >= 0,
                "--max-rounding is %s; expected 0 or more".formatted(maxRounding));
        requirePlace();
        adapters.forEach(adapter -> AdapterOrigin.require(adapter, model, ChatTemplate.in(adapter), force));
        template = Templates.of(adapters);
        try (Merge merge = Merge.open(model, adapters, settings)) {
            merge.watch(Tally.of("merging", "tensors"));
            template.ifPresent(own -> merge.useTemplate(Templates.files(model, own)));
            if (format == Format.GGUF) {
                intoGguf(merge, settings);
            } else {
                AtomicFiles.directory(output, overwrite, folder -> {
                    if (options.method().asAdapter()) {
                        intoAdapter(merge, settings, folder);
                    } else {
                        intoModel(merge, settings, folder);
                    }
                });
            }
            spec.commandLine().getOut().println("wrote " + output);
        }
    }

    private void intoAdapter(Merge merge, MergeSettings settings, Path folder) {
        say(Console.stderr(), "merging %s …".formatted(Facts.count(adapters.size(), "adapter")));
        FoldReport report = merge.fold(folder, options.rank(), model.toString());
        Console.stderr().clear();
        Map<String, Object> made = AdapterOrigin.now();
        made.put("merged", request(settings));
        new Origin(AdapterOrigin.base(model, template), made).write(folder);
        template.ifPresent(own -> Templates.files(model, own).write(folder));
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
        Path report = format == Format.GGUF ? reportBeside() : output.resolve(REPORT_JSON);
        if (Files.exists(output) && !Files.exists(report)) {
            throw new IllegalArgumentException(
                    "%s was not made by graft merge (there is no %s), so --overwrite does not replace it"
                            .formatted(output, report));
        }
    }

    private void intoModel(Merge merge, MergeSettings settings, Path folder) {
        sayMerging();
        MergeReport report = keepDelta ? merge.writeWithDelta(folder) : merge.write(folder);
        MergeVerdict verdict = verdict(merge, settings, report, folder);
        requirePassed(verdict, merge);
        AtomicFiles.writeString(folder.resolve(REPORT_JSON), Json.pretty(verdict.json()) + "\n");
        AtomicFiles.writeString(folder.resolve(REPORT_TEXT), verdict.text());
    }

    /// Merges beside the output and compares what is in the file before it gets its name.
    private void intoGguf(Merge merge, MergeSettings settings) {
        Path scratch = output.toAbsolutePath().resolveSibling(".%s.merge".formatted(output.getFileName()));
        try {
            AtomicFiles.directory(scratch, true, folder -> {
                Path file = folder.resolve("model.gguf");
                sayMerging();
                MergeReport report = merge.writeGguf(folder.resolve("model"), file);
                MergeVerdict verdict = verdict(merge, settings, report, file);
                requirePassed(verdict, merge);
                AtomicFiles.writeString(reportBeside(), Json.pretty(verdict.json()) + "\n");
                move(file, output);
            });
        } finally {
            AtomicFiles.delete(scratch);
        }
    }

    private static void move(Path from, Path to) {
        try {
            Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot move %s to %s".formatted(from, to), e);
        }
    }

    private void sayMerging() {
        say(Console.stderr(), "merging %s into %s …".formatted(Facts.count(adapters.size(), "adapter"), model));
    }

    /// Compares what was written with what it stands for, and prints what came of it.
    private MergeVerdict verdict(Merge merge, MergeSettings settings, MergeReport report, Path written) {
        Console console = Console.stderr();
        Optional<MergeProbe> compared = probe(merge);
        Optional<Agreement> agreement = compared.map(tokens -> {
            say(console, "comparing with base + adapter on %s …".formatted(tokens.what()));
            try (LanguageModel merged = Merge.streamed(written)) {
                return Agreement.of(merged, merge.reference(), tokens.batches());
            }
        });
        console.clear();
        var verdict =
                new MergeVerdict(request(settings), report, compared.map(MergeProbe::what), agreement, limits(merge));
        verdict.print(spec.commandLine().getOut(), Console.stdout().style());
        spec.commandLine().getOut().flush();
        return verdict;
    }

    /// Packing again moves weights by about as much as an adapter does, so that only the predictions tell.
    private MergeVerdict.Limits limits(Merge merge) {
        boolean packed = merge.requantises() && format == Format.HF;
        double kl = packed ? 0.1 : 0.01;
        double rounding = packed ? Double.POSITIVE_INFINITY : 0.5;
        return new MergeVerdict.Limits(maxKl == null ? kl : maxKl, maxRounding == null ? rounding : maxRounding);
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
                : Optional.of(MergeProbe.of(probe, probeRows, model, template, merge.reference()));
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
    private void requirePassed(MergeVerdict verdict, Merge merge) {
        if (verdict.faults().isEmpty()) {
            return;
        }
        AtomicFiles.writeString(reportBeside(), Json.pretty(verdict.json()) + "\n");
        throw new IllegalStateException(
                "%s was not written: %s. Save with --dtype %s, keep the adapter beside its base (--adapter), or raise the limit if this is good enough. The report is %s."
                        .formatted(
                                output,
                                String.join("; ", verdict.faults()),
                                merge.requantises() ? "bfloat16, which does not quantise" : "float32",
                                reportBeside()));
    }

    private Path reportBeside() {
        return output.toAbsolutePath().resolveSibling(output.getFileName() + "." + REPORT_JSON);
    }
}
