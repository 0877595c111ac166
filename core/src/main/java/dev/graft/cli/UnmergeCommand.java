package dev.graft.cli;

import dev.graft.export.Unmerge;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `graft unmerge`.
@Command(
        name = "unmerge",
        mixinStandardHelpOptions = true,
        header = "Takes adapters out of a merged model again.",
        description = {
            "%nA model merged with @|bold --keep-delta|@ gives its base back bit for bit, checked by its hash; no"
                    + " adapter is needed.",
            "%nAny other needs the adapters that went in: their changes are subtracted, which leaves the rounding of"
                    + " the merge and adds one of its own. It says how large that is expected to be.%n"
        },
        footerHeading = "%n@|bold Example|@%n",
        footer = {
            "  graft merge models/base runs/mine/adapter --output merged --keep-delta",
            "  graft unmerge merged --output base-again"
        })
final class UnmergeCommand implements Runnable {
    @Spec
    private CommandSpec spec;

    @Parameters(index = "0", paramLabel = "MERGED", description = "Folder of the merged model.")
    private Path merged;

    @Parameters(
            index = "1..*",
            paramLabel = "ADAPTER",
            description = "Folders of the adapters to subtract, for a merge without --keep-delta.")
    private List<Path> adapters = List.of();

    @Option(
            names = "--weights",
            paramLabel = "W",
            split = ",",
            description = "The weights that the adapters were merged with (default: 1 for each).")
    private List<Double> weights;

    @Option(names = "--output", required = true, paramLabel = "DIR", description = "Folder to create.")
    private Path output;

    @Override
    public void run() {
        if (Files.exists(output)) {
            throw new IllegalArgumentException(
                    "%s exists already; name a folder that does not, nothing is overwritten".formatted(output));
        }
        PrintWriter out = spec.commandLine().getOut();
        boolean kept = Unmerge.isKept(merged);
        require(
                kept || !adapters.isEmpty(),
                "%s was merged without --keep-delta; name the adapters that went in, to subtract them"
                        .formatted(merged));
        require(
                !kept || adapters.isEmpty(),
                "%s holds what the merge took away (--keep-delta); leave the adapters out".formatted(merged));
        if (kept) {
            Unmerge.exactly(merged, output);
            out.println("%s: the base, bit for bit".formatted(output));
        } else {
            List<Double> factors = weights == null ? Collections.nCopies(adapters.size(), 1.0) : weights;
            Unmerge.Report report = Unmerge.bySubtraction(merged, adapters, factors, output);
            out.println(String.format(
                    Locale.ROOT,
                    "%s: %,d tensors subtracted from; expect them to be off by %.2g %% of what the adapters changed",
                    output,
                    report.changed(),
                    100 * report.expectedError()));
        }
        out.flush();
    }

    private void require(boolean fine, String otherwise) {
        if (!fine) {
            throw new ParameterException(spec.commandLine(), otherwise);
        }
    }
}
