package dev.graft.cli;

import dev.graft.data.DataHash;
import dev.graft.data.Example;
import dev.graft.data.ExampleTokenizer;
import dev.graft.data.Question;
import dev.graft.data.Row;
import dev.graft.data.Rows;
import dev.graft.data.Split;
import dev.graft.data.Tokenization;
import dev.graft.data.TokenizationOptions;
import dev.graft.model.ModelConfig;
import dev.graft.tokenizer.Tokenizer;
import java.util.List;
import java.util.Optional;

/// The rows of a recipe, split and tokenised.
///
/// @param heldOut   empty when the recipe holds nothing out
/// @param questions held-out rows that can be asked and compared, at most `evaluation.exact_match_rows`
/// @param hash      SHA-256 over the files
record TrainingData(Tokenization train, Optional<Tokenization> heldOut, List<Question> questions, String hash) {
    static TrainingData of(Recipe recipe, Tokenizer tokenizer) {
        Recipe.Data data = recipe.data();
        int maxLength = maxLength(recipe);
        ExampleTokenizer examples = new ExampleTokenizer(tokenizer, options(recipe, maxLength));
        List<Row> rows = Rows.read(data.train());
        if (data.eval().isPresent()) {
            List<Row> held = Rows.read(data.eval().get());
            return new TrainingData(
                    examples.apply(rows),
                    Optional.of(examples.apply(held)),
                    questions(recipe, examples, held),
                    DataHash.of(data.train(), data.eval().get()));
        }
        String hash = DataHash.of(data.train());
        double fraction = data.evalFraction().orElseThrow();
        if (fraction == 0) {
            return new TrainingData(examples.apply(rows), Optional.empty(), List.of(), hash);
        }
        if (rows.size() == 1 && rows.getFirst().example() instanceof Example.Text) {
            return ofOneText(recipe, maxLength, examples.apply(rows), fraction, hash);
        }
        Split<Row> split = Split.byFraction(rows, fraction, recipe.seed());
        return new TrainingData(
                examples.apply(split.train()),
                Optional.of(examples.apply(split.heldOut())),
                questions(recipe, examples, split.heldOut()),
                hash);
    }

    /// A whole text file: its last pieces are held out, so that what is measured comes after what was read.
    private static TrainingData ofOneText(
            Recipe recipe, int maxLength, Tokenization all, double fraction, String hash) {
        int count = all.examples().size();
        int held = (int) Math.max(1, Math.round(count * fraction));
        if (held >= count) {
            throw new IllegalArgumentException(
                    "%s makes %d pieces of %d tokens, too few to hold some out; set data.eval_fraction=0 or a smaller data.max_length"
                            .formatted(recipe.data().train(), count, maxLength));
        }
        return new TrainingData(
                new Tokenization(all.examples().subList(0, count - held), List.of(), List.of(), List.of()),
                Optional.of(
                        new Tokenization(all.examples().subList(count - held, count), List.of(), List.of(), List.of())),
                List.of(),
                hash);
    }

    /// The longest row: what the recipe says, or what fits both a batch and the model.
    private static int maxLength(Recipe recipe) {
        if (recipe.data().maxLength().isPresent()) {
            return recipe.maxLength();
        }
        int positions = ModelConfig.read(recipe.model())
                .optionalSize("max_position_embeddings")
                .orElse(Integer.MAX_VALUE);
        return Math.min(recipe.maxLength(), positions);
    }

    private static TokenizationOptions options(Recipe recipe, int maxLength) {
        return TokenizationOptions.upTo(maxLength)
                .withOverlong(TokenizationOptions.Overlong.valueOf(
                        recipe.data().overlong().name()))
                .withTrainOn(TokenizationOptions.TrainOn.valueOf(
                        recipe.data().trainOn().name()));
    }

    private static List<Question> questions(Recipe recipe, ExampleTokenizer examples, List<Row> rows) {
        int most = Math.max(
                recipe.evaluation().exactMatchRows(), recipe.evaluation().samples());
        return rows.stream()
                .flatMap(row -> examples.question(row).stream())
                .limit(most)
                .toList();
    }
}
