package dev.graft.cli;

import dev.graft.export.QuantisedAdapter;
import dev.graft.format.AdapterWeights;
import dev.graft.format.AtomicFiles;
import dev.graft.format.Json;
import dev.graft.quant.QuantFormat;
import dev.graft.tokenizer.ChatTemplate;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `graft quantize`.
@Command(
        name = "quantize",
        mixinStandardHelpOptions = true,
        header = "Writes a model or an adapter in fewer bits.",
        description = {
            "%nPacks the linear layers of a model, one at a time, and says what it costs: bits per weight, the error of"
                    + " each layer, and with --eval the perplexity before and after. Every command takes the result"
                    + " as MODEL, and Transformers loads nf4, fp4 and int8.",
            "%nOf an adapter it packs the LoRA factors as int8 or nf4. Graft uses such an adapter like any other; PEFT"
                    + " does not read it.",
            "%nEverything is also in DIR/" + QuantizeCommand.REPORT + "."
        },
        footerHeading = "%n@|bold Examples|@%n",
        footer = {
            "  graft quantize models/base --format nf4 --double-quant --output base-nf4 \\",
            "      --eval held-out.jsonl",
            "  graft quantize models/base --format int8-affine --calibrate mse \\",
            "      --calibration texts.txt --output small",
            "  graft quantize runs/mine/adapter --format int8 --output adapter-int8"
        })
final class QuantizeCommand implements Runnable {
    static final String REPORT = "quantize_report.json";

    @Spec
    private CommandSpec spec;

    @Parameters(
            index = "0",
            paramLabel = "PATH",
            description = "A model (folder, .gguf or llama2.c .bin file) or the folder of an adapter.")
    private Path path;

    @Mixin
    private FormatOptions options;

    @Option(names = "--output", required = true, paramLabel = "DIR", description = "Folder to create.")
    private Path output;

    @Option(names = "--overwrite", description = "Replace DIR if graft quantize made it.")
    private boolean overwrite;

    @Option(
            names = "--skip",
            paramLabel = "NAME",
            split = ",",
            description =
                    "Layers left as they are, by the beginning or end of their names (default: lm_head; naming any"
                            + " leaves only those out).")
    private List<String> skipped;

    @Option(
            names = "--eval",
            paramLabel = "FILE",
            description =
                    "Measure perplexity before and after on these rows (.jsonl, .json, .csv, .tsv, .parquet, .txt); rows"
                            + " longer than the model takes are split.")
    private Path eval;

    @Option(
            names = {"--model", "--base"},
            paramLabel = "MODEL",
            description = "The model that the adapter PATH belongs to, which --eval runs it on.")
    private Path base;

    @Option(
            names = "--force",
            description = "Run the adapter on MODEL although it was trained on other weights, or with another tokenizer"
                    + " or chat template.")
    private boolean force;

    @Option(
            names = "--calibration",
            paramLabel = "FILE",
            description = "int8-affine: run the model over these rows and store the scale and zero point of what comes"
                    + " into each layer.")
    private Path calibration;

    @Option(
            names = "--dtype",
            paramLabel = "TYPE",
            defaultValue = "auto",
            converter = ModelOptions.Dtype.class,
            description = "Type that --eval computes in: auto, float32 or bfloat16 (default: ${DEFAULT-VALUE}).")
    private Recipe.Precision dtype;

    @Override
    public void run() {
        QuantFormat format = options.format(spec.commandLine());
        boolean adapter = AdapterWeights.isFolder(path);
        require(calibration == null || options.isAffine(), "--calibration is for --format int8-affine");
        require(adapter || base == null, "--model is for adapters; %s is a model".formatted(path));
        require(!adapter || skipped == null, "--skip is for models; of an adapter all factors are quantised");
        require(!adapter || eval == null || base != null, "--eval needs --model, the model the adapter belongs to");
        require(base == null || eval != null, "--model runs the adapter on rows: name them with --eval");
        requirePlace();
        Optional<TextRows> rows = Optional.ofNullable(eval).map(TextRows::read);
        AtomicFiles.directory(output, overwrite, folder -> {
            QuantizeSummary summary = adapter ? adapter(format, rows, folder) : model(format, rows, folder);
            AtomicFiles.writeString(folder.resolve(REPORT), Json.pretty(summary.json()) + "\n");
            Console.stderr().clear();
            summary.print(spec.commandLine().getOut(), Console.stdout().style());
        });
        spec.commandLine().getOut().println("wrote " + output);
        spec.commandLine().getOut().flush();
    }

    private QuantizeSummary model(QuantFormat format, Optional<TextRows> rows, Path folder) {
        var job = new ModelQuantization(path, format, Optional.ofNullable(skipped));
        Optional<TextRows> set = Optional.ofNullable(calibration).map(TextRows::read);
        QuantizeSummary summary = new QuantizeSummary(path, options.described(), job.write(folder, set));
        job.peakMegabytes().ifPresent(summary::peakMegabytes);
        rows.ifPresent(text -> summary.perplexities(job.compare(folder, text, dtype)));
        return summary;
    }

    private QuantizeSummary adapter(QuantFormat format, Optional<TextRows> rows, Path folder) {
        var summary = new QuantizeSummary(path, options.described(), QuantisedAdapter.write(path, folder, format));
        rows.ifPresent(text -> {
            AdapterOrigin.require(path, base, ChatTemplate.in(path), force);
            summary.agreement(AdapterQuantization.compare(base, path, folder, text, dtype));
        });
        return summary;
    }

    private void require(boolean fine, String otherwise) {
        if (!fine) {
            throw new ParameterException(spec.commandLine(), otherwise);
        }
    }

    private void requirePlace() {
        if (!Files.exists(output)) {
            return;
        }
        if (!overwrite) {
            throw new IllegalArgumentException(
                    "%s exists already; name a folder that does not, or replace an earlier result with --overwrite"
                            .formatted(output));
        }
        if (!Files.exists(output.resolve(REPORT))) {
            throw new IllegalArgumentException(
                    "%s was not made by graft quantize (there is no %s in it), so --overwrite does not replace it"
                            .formatted(output, REPORT));
        }
    }
}
