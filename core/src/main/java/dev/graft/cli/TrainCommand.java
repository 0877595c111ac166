package dev.graft.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `graft train`.
@Command(
        name = "train",
        mixinStandardHelpOptions = true,
        header = "Trains an adapter, or a whole model, as a recipe says.",
        description = {
            "%nReads the model and the rows that the recipe names, measures the model on held-out rows, trains it,"
                    + " measures it again, and writes a run folder: the recipe as resolved, metrics.jsonl, checkpoints,"
                    + " the adapter (or model), report.json and report.html.",
            "%nCtrl-C ends after the step it is in, with a checkpoint; --resume goes on from it as if nothing had"
                    + " happened."
        },
        footerHeading = "%n@|bold Examples|@%n",
        footer = {
            "  graft train examples/quickstart/recipe.yaml",
            "  graft train my.yaml --set training.learning_rate=1e-4 --set adapter.r=32 \\",
            "      --output runs/r32",
            "  graft train my.yaml --output runs/r32 --resume"
        })
final class TrainCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Parameters(
            paramLabel = "RECIPE",
            description = "YAML file that says what to train; its keys are listed by --keys.")
    private Path recipe;

    @Option(
            names = "--set",
            paramLabel = "KEY=VALUE",
            description = "Override one key of the recipe, such as training.max_steps=100. Can be repeated.")
    private List<String> overrides = new ArrayList<>();

    @Option(
            names = "--output",
            paramLabel = "DIR",
            description = "Folder of the run, instead of the recipe's output_dir.")
    private Path output;

    @Option(
            names = "--tmp",
            paramLabel = "DIR",
            description = "Folder for the file of a paged optimizer, instead of the folder of the run.")
    private Path scratch;

    @Option(
            names = "--allow",
            split = ",",
            paramLabel = "CHECK",
            description = "Let rows through that fail these checks of graft data check, besides data.allow.")
    private List<String> allowed = new ArrayList<>();

    @Option(names = "--resume", description = "Go on from the run folder's latest checkpoint.")
    private boolean resume;

    @Option(names = "--overwrite", description = "Delete an earlier run in the folder first.")
    private boolean overwrite;

    @Option(names = "--keys", help = true, description = "List every key of a recipe with its default, and stop.")
    private boolean keys;

    @Override
    public Integer call() {
        if (keys) {
            spec.commandLine().getOut().print(RecipeHelp.table(Console.stdout().width()));
            return 0;
        }
        if (resume && overwrite) {
            throw new ParameterException(
                    spec.commandLine(), "--resume goes on with a run and --overwrite deletes it; give one of them");
        }
        List<String> all = new ArrayList<>(overrides);
        if (output != null) {
            all.add("output_dir=" + output);
        }
        Recipe resolved = RecipeReader.read(recipe, all);
        if (!allowed.isEmpty()) {
            Set<String> both = new LinkedHashSet<>(resolved.data().allow());
            both.addAll(allowed);
            all.add("data.allow=" + both);
            resolved = RecipeReader.read(recipe, all);
        }
        new TrainingRun(resolved, Console.stdout(), Optional.ofNullable(scratch)).run(resume, overwrite);
        return 0;
    }
}
