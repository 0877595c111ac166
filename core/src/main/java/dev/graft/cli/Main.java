package dev.graft.cli;

import dev.graft.data.prepare.Cleaning.PiiAction;
import dev.graft.data.prepare.Normalisation;
import dev.graft.data.prepare.Pii;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Locale;
import java.util.Properties;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.Help.ColorScheme;
import picocli.CommandLine.HelpCommand;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/// Entry point of the `graft` command: the list of commands, and how any of them ends.
@Command(
        name = "graft",
        subcommands = {
            TrainCommand.class,
            EvalCommand.class,
            GenerateCommand.class,
            ChatCommand.class,
            ScoreCommand.class,
            DataCommand.class,
            MergeCommand.class,
            UnmergeCommand.class,
            QuantizeCommand.class,
            ExportCommand.class,
            InspectCommand.class,
            HelpCommand.class
        },
        mixinStandardHelpOptions = true,
        versionProvider = Main.Version.class,
        synopsisSubcommandLabel = "COMMAND",
        header = "Graft fine-tunes language models on the JVM.",
        description = {
            "%nA base model stays frozen, a small adapter is grafted onto it, and what comes out loads in PEFT, vLLM and"
                    + " llama.cpp. @|bold graft COMMAND --help|@ explains each command, with its defaults and examples."
        },
        footerHeading = "%n@|bold Two minutes, from nothing to an adapter that works|@%n",
        footer = {
            "  graft train examples/quickstart/recipe.yaml",
            "      trains, then shows the model before and after: runs/quickstart/report.html",
            "  graft generate examples/quickstart/base --adapter runs/quickstart/adapter \\",
            "      --prompt \"Please ship two black chairs to Dublin by Friday.\"",
            "      asks what was trained",
            "%n@|bold Your own data|@",
            "  Copy that recipe and set model and data.train, a JSONL file whose rows are",
            "  {\"prompt\": …, \"completion\": …} or {\"messages\": […]}. A change can be tried",
            "  without editing: graft train my.yaml --set training.learning_rate=1e-4",
            "%n@|bold Exit codes|@",
            "  0 done, 1 failed, 2 bad usage, 130 interrupted (Ctrl-C)"
        })
public final class Main implements Runnable {
    @Spec
    private CommandSpec spec;

    @Option(
            names = "--stacktrace",
            scope = ScopeType.INHERIT,
            description = "When it fails, also show where in the code.")
    private boolean stacktrace;

    private Main() {}

    public static void main(String[] args) {
        Locale.setDefault(Locale.ROOT); // what is printed is English, and so are its numbers
        Console.passTheFilter();
        SuddenEnd.watch();
        int exitCode = run(commandLine(), args);
        SuddenEnd.commandIsOver();
        System.exit(exitCode);
    }

    /// Runs one command line to its exit code; whatever is thrown ends as a sentence on standard error.
    static int run(CommandLine commandLine, String... args) {
        try {
            return commandLine.execute(args);
        } catch (Throwable thrown) { // Errors: picocli hands only exceptions to its handler
            return Faults.report(thrown, commandLine.getErr(), true);
        } finally {
            commandLine.getOut().flush();
        }
    }

    /// The commands, with their exit codes and their way to report a fault.
    static CommandLine commandLine() {
        boolean colour = Console.stdout().isColoured();
        CommandLine commands = new CommandLine(new Main())
                .setColorScheme(style(colour))
                .setUsageHelpWidth(Math.clamp(Console.stdout().width(), 80, 120))
                .registerConverter(Normalisation.class, new Choice<>(Normalisation.class))
                .registerConverter(PiiAction.class, new Choice<>(PiiAction.class))
                .registerConverter(Pii.class, new Choice<>(Pii.class))
                .registerConverter(Recipe.TrainOn.class, new Choice<>(Recipe.TrainOn.class))
                .registerConverter(Recipe.Overlong.class, new Choice<>(Recipe.Overlong.class))
                .setParameterExceptionHandler(Faults::badUsage)
                .setExecutionExceptionHandler(
                        (thrown, command, _) -> Faults.report(thrown, command.getErr(), wantsStacktrace(command)));
        HelpPage.install(commands);
        return commands;
    }

    /// Green for what is typed, dimmed for what stands for something else.
    private static ColorScheme style(boolean colour) {
        return new ColorScheme.Builder(colour ? Ansi.ON : Ansi.OFF)
                .commands(Ansi.Style.bold, Ansi.Style.fg_green)
                .options(Ansi.Style.fg_green)
                .parameters(Ansi.Style.fg_yellow)
                .optionParams(Ansi.Style.fg_yellow)
                .build();
    }

    private static boolean wantsStacktrace(CommandLine command) {
        return command.getCommandSpec().root().userObject() instanceof Main main && main.stacktrace;
    }

    /// `graft` alone.
    @Override
    public void run() {
        throw new ParameterException(
                spec.commandLine(),
                "a command is missing; it is one of "
                        + String.join(", ", spec.subcommands().keySet()));
    }

    /// The version of the jar this runs from.
    static String version() {
        try (InputStream stored =
                Main.class.getResourceAsStream("/META-INF/maven/dev.graft/graft-core/pom.properties")) {
            var built = new Properties();
            if (stored != null) {
                built.load(stored);
            }
            return built.getProperty("version", "not packaged");
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read the version from the jar", e);
        }
    }

    /// The version of the jar this runs from, and of what runs it.
    static final class Version implements IVersionProvider {
        @Override
        public String[] getVersion() {
            return new String[] {
                "graft " + version(),
                "JDK %s (%s), %s %s"
                        .formatted(
                                System.getProperty("java.vm.version"),
                                System.getProperty("java.vendor"),
                                System.getProperty("os.name"),
                                System.getProperty("os.arch"))
            };
        }
    }
}
