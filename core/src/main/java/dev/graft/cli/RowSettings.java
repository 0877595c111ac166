package dev.graft.cli;

import dev.graft.data.Dataset;
import dev.graft.data.ExampleTokenizer;
import dev.graft.data.Input;
import dev.graft.data.TokenCache;
import dev.graft.data.TokenizationOptions;
import dev.graft.data.check.CheckReport;
import dev.graft.data.check.DataCheck;
import dev.graft.data.check.Lint;
import dev.graft.model.ModelConfig;
import dev.graft.tokenizer.ChatTemplate;
import dev.graft.tokenizer.Tokenizer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/// Which rows a run takes, whose tokens they become, and what may be wrong with them.
///
/// @param template     instead of the model's own
/// @param evalFraction share of the rows that is held out where there is no `eval`; 0 for none
/// @param allowed      faults that stop nothing
record RowSettings(
        Path model,
        Optional<ChatTemplate> template,
        List<Input> train,
        Optional<List<Input>> eval,
        double evalFraction,
        long seed,
        TokenizationOptions options,
        Set<Lint> allowed) {

    static RowSettings of(Recipe recipe) {
        Recipe.Data data = recipe.data();
        return new RowSettings(
                recipe.model(),
                Templates.chosen(recipe),
                inputs(data, data.train()),
                data.eval().map(sources -> inputs(data, sources)),
                data.evalFraction().orElse(0),
                recipe.seed(),
                TokenizationOptions.upTo(maxLength(recipe))
                        .withOverlong(TokenizationOptions.Overlong.valueOf(
                                data.overlong().name()))
                        .withTrainOn(TokenizationOptions.TrainOn.valueOf(
                                data.trainOn().name()))
                        .withDropMasked(true),
                Lint.named(data.allow()));
    }

    /// With another template where one is given.
    RowSettings withTemplate(Optional<ChatTemplate> other) {
        return new RowSettings(model, other.or(() -> template), train, eval, evalFraction, seed, options, allowed);
    }

    /// With more let through.
    RowSettings withAllowed(Set<Lint> more) {
        Set<Lint> all = EnumSet.noneOf(Lint.class);
        all.addAll(allowed);
        all.addAll(more);
        return new RowSettings(model, template, train, eval, evalFraction, seed, options, all);
    }

    private static List<Input> inputs(Recipe.Data data, Sources sources) {
        return sources.list().stream()
                .map(source -> source.input(data.columns(), data.shape()))
                .toList();
    }

    /// The longest row: what the recipe says, or what fits both a batch and the model.
    private static int maxLength(Recipe recipe) {
        return recipe.data().maxLength().isPresent()
                ? recipe.maxLength()
                : Math.min(recipe.maxLength(), context(recipe.model()));
    }

    /// Tokens that a model was made for; any number where only a tokenizer is given.
    static int context(Path model) {
        boolean isTokenizer = Files.isDirectory(model)
                ? !Files.exists(model.resolve("config.json"))
                : model.toString().endsWith(".json");
        return isTokenizer
                ? Integer.MAX_VALUE
                : ModelConfig.read(model)
                        .optionalSize("max_position_embeddings")
                        .orElse(Integer.MAX_VALUE);
    }

    /// Rows as tokens, and what is wrong with them.
    ///
    /// @param drawn  those of `train` that are held out; empty where `eval` is there, nothing is held
    ///               out, or the rows are one text
    record Loaded(Dataset train, Optional<Dataset> eval, BitSet drawn, CheckReport check) {}

    Loaded load(Tokenizer tokenizer) {
        var examples = new ExampleTokenizer(tokenizer, options);
        Dataset rows = loaded(train, examples);
        if (eval.isPresent() || evalFraction == 0 || rows.isOneText()) {
            Optional<Dataset> held = eval.map(inputs -> loaded(inputs, examples));
            return new Loaded(rows, held, new BitSet(), DataCheck.of(rows, held, allowed));
        }
        BitSet drawn = rows.heldOut(evalFraction, seed);
        return new Loaded(rows, Optional.empty(), drawn, DataCheck.ofDrawn(rows, drawn, allowed));
    }

    private static Dataset loaded(List<Input> inputs, ExampleTokenizer examples) {
        List<Path> files =
                inputs.stream().flatMap(input -> input.files().stream()).toList();
        try (var progress = new ReadingProgress(Console.stderr(), "tokenising", files)) {
            return Dataset.load(inputs, examples, TokenCache.ofUser(), progress);
        }
    }
}
