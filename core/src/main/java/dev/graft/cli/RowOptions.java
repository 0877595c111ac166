package dev.graft.cli;

import dev.graft.data.TokenizationOptions;
import dev.graft.data.check.Lint;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import picocli.CommandLine.Spec.Target;

/// Rows as training would take them: `INPUT… --model MODEL`, or a recipe. A command takes it as a `@Mixin`.
@HelpGroup("How rows become tokens")
final class RowOptions {
    @Spec(Target.MIXEE)
    private CommandSpec spec;

    @Parameters(
            arity = "0..*",
            paramLabel = "INPUT",
            description = "Files, folders or patterns of rows; or one recipe (.yaml), which says everything below.")
    private List<String> inputs = new ArrayList<>();

    @Option(names = "--recipe", paramLabel = "FILE", description = "The recipe, whatever its name ends in.")
    private Path recipe;

    @Option(
            names = "--set",
            paramLabel = "KEY=VALUE",
            description = "Override one key of the recipe, such as data.max_length=512. Can be repeated.")
    private List<String> overrides = new ArrayList<>();

    @Option(
            names = "--model",
            paramLabel = "MODEL",
            description = "Model, or folder or file of a tokenizer, that makes the tokens.")
    private Path model;

    @Mixin
    private TemplateOptions template;

    @Option(
            names = "--train-on",
            paramLabel = "WHICH",
            description = "Tokens that are learnt: completion, assistant, last_assistant or all (default: completion).")
    private Recipe.TrainOn trainOn;

    @Option(
            names = "--max-length",
            paramLabel = "N",
            description = "Tokens a row may have (default: what the model was made for).")
    private Integer maxLength;

    @Option(
            names = "--overlong",
            paramLabel = "WHAT",
            description = "Longer rows: error, truncate_start, truncate_end, drop or split (default: error).")
    private Recipe.Overlong overlong;

    @Mixin
    private ColumnOptions columns;

    /// @param eval    held-out rows
    /// @param allowed names of checks to let through
    RowSettings settings(Optional<String> eval, List<String> allowed) {
        Optional<Path> file = recipe();
        if (file.isPresent()) {
            return ofRecipe(file.get(), eval, allowed).withTemplate(template.chosen());
        }
        if (inputs.isEmpty()) {
            throw bad("rows are missing: give files of rows and --model, or a recipe");
        }
        if (model == null) {
            throw bad("--model is missing: which model's tokens?");
        }
        if (!overrides.isEmpty()) {
            throw bad("--set changes a recipe, and there is none");
        }
        var options = TokenizationOptions.upTo(
                        Optional.ofNullable(maxLength).orElseGet(() -> RowSettings.context(model)))
                .withDropMasked(true);
        if (overlong != null) {
            options = options.withOverlong(TokenizationOptions.Overlong.valueOf(overlong.name()));
        }
        if (trainOn != null) {
            options = options.withTrainOn(TokenizationOptions.TrainOn.valueOf(trainOn.name()));
        }
        return new RowSettings(
                model,
                template.chosen(),
                inputs.stream().map(columns::input).toList(),
                eval.map(path -> List.of(columns.input(path))),
                0,
                0,
                options,
                Lint.named(allowed));
    }

    private RowSettings ofRecipe(Path file, Optional<String> eval, List<String> allowed) {
        if (model != null || columns.areRenamed() || eval.isPresent()) {
            throw bad("%s says which model and rows; change them with --set".formatted(file));
        }
        List<String> all = new ArrayList<>(overrides);
        addOverride(all, "data.max_length", maxLength);
        addOverride(all, "data.overlong", overlong == null ? null : RecipeWriter.name(overlong));
        addOverride(all, "data.train_on", trainOn == null ? null : RecipeWriter.name(trainOn));
        addOverride(all, "data.shape", columns.shape().orElse(null));
        return RowSettings.of(RecipeReader.read(file, all)).withAllowed(Lint.named(allowed));
    }

    private static void addOverride(List<String> all, String key, Object value) {
        if (value != null) {
            all.add(key + "=" + value);
        }
    }

    private Optional<Path> recipe() {
        List<String> recipes = inputs.stream()
                .filter(input -> input.endsWith(".yaml") || input.endsWith(".yml"))
                .toList();
        if (recipe != null && !inputs.isEmpty() || !recipes.isEmpty() && inputs.size() > 1) {
            throw bad("a recipe names its rows itself; give the recipe alone, or files of rows");
        }
        return Optional.ofNullable(recipe).or(() -> recipes.stream().findFirst().map(Path::of));
    }

    private ParameterException bad(String sentence) {
        return new ParameterException(spec.commandLine(), sentence);
    }
}
