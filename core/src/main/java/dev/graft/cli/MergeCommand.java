package dev.graft.cli;

import dev.graft.export.Merge;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `graft merge`.
@Command(
        name = "merge",
        mixinStandardHelpOptions = true,
        header = "Folds an adapter into its base model.",
        synopsisHeading = "%nUsage: ",
        description =
                "%nWrites a model folder that runs without the adapter, anywhere the base runs. Each changed weight"
                        + " is W + s·B·A, added in float32 and rounded once to the type it is saved in.",
        optionListHeading = "%n@|bold Options|@%n",
        footerHeading = "%n@|bold Example|@%n",
        footer = "  graft merge examples/quickstart/base runs/quickstart/adapter --output merged")
final class MergeCommand implements Callable<Integer> {
    @Parameters(index = "0", paramLabel = "MODEL", description = "Folder of the base model.")
    private Path model;

    @Parameters(index = "1", paramLabel = "ADAPTER", description = "Folder of the adapter.")
    private Path adapter;

    @Option(
            names = "--output",
            required = true,
            paramLabel = "DIR",
            description = "Folder to create; must not exist yet.")
    private Path output;

    @Option(
            names = "--dtype",
            paramLabel = "TYPE",
            defaultValue = "auto",
            converter = ModelOptions.Dtype.class,
            description = "Type to save in: auto (each weight's own), float32 or bfloat16 (default: ${DEFAULT-VALUE}).")
    private Recipe.Precision dtype;

    @Override
    public Integer call() {
        if (Files.exists(output)) {
            throw new IllegalArgumentException(
                    "%s exists already; name a folder that does not, nothing is overwritten".formatted(output));
        }
        Merge.Report report = Merge.run(model, adapter, output, Precisions.toSave(dtype));
        System.out.printf(
                Locale.ROOT,
                "%s: %d of %d tensors changed; rounding took %.2g %% of the change%n",
                output,
                report.changed(),
                report.tensors(),
                100 * report.roundingError());
        return 0;
    }
}
