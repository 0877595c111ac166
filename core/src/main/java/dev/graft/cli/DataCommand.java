package dev.graft.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// `graft data`: the commands that look at data and prepare it.
@Command(
        name = "data",
        subcommands = {DataRenderCommand.class, DataTokenizeCommand.class},
        mixinStandardHelpOptions = true,
        synopsisSubcommandLabel = "COMMAND",
        header = "Looks at data and prepares it.",
        commandListHeading = "%n@|bold Commands|@%n")
final class DataCommand implements Runnable {
    @Spec
    private CommandSpec spec;

    /// `graft data` alone.
    @Override
    public void run() {
        throw new ParameterException(
                spec.commandLine(),
                "a command is missing behind \"data\"; it is one of "
                        + String.join(", ", spec.subcommands().keySet()));
    }
}
