package dev.graft.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// `graft data`: everything that happens to rows before they are trained on.
@Command(
        name = "data",
        subcommands = {
            DataInspectCommand.class,
            DataRenderCommand.class,
            DataTokenizeCommand.class,
            DataTokensCommand.class,
            DataCleanCommand.class,
            DataSplitCommand.class,
            DataCheckCommand.class,
            HelpCommand.class
        },
        mixinStandardHelpOptions = true,
        synopsisSubcommandLabel = "COMMAND",
        header = "Looks at rows and prepares them for training.",
        description = {
            "Rows are read from JSONL, JSON, CSV, TSV, Parquet or text, also compressed, from folders and patterns;"
                    + " nothing is changed in place."
        },
        footerHeading = "@|bold From raw rows to a run|@",
        footer = {
            "  graft data inspect raw.csv --model models/base",
            "  graft data clean raw.csv --output clean.jsonl --near-duplicates",
            "  graft data split clean.jsonl --output parts --validation 0.1",
            "  graft data tokens parts/train.jsonl --model models/base",
            "  graft data check parts/train.jsonl --eval parts/validation.jsonl \\",
            "      --model models/base"
        })
final class DataCommand implements Runnable {
    @Spec
    private CommandSpec spec;

    @Override
    public void run() {
        throw new ParameterException(
                spec.commandLine(),
                "a command is missing behind \"data\"; it is one of "
                        + String.join(", ", spec.subcommands().keySet()));
    }
}
