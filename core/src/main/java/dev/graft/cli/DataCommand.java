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
        commandListHeading = "%n@|bold Commands|@%n")
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
