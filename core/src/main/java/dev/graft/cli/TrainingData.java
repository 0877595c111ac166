package dev.graft.cli;

import dev.graft.data.Batches;
import dev.graft.data.DataHash;
import dev.graft.data.DataReport;
import dev.graft.data.Dataset;
import dev.graft.data.ExampleTokenizer;
import dev.graft.data.Input;
import dev.graft.data.Mixture;
import dev.graft.data.Question;
import dev.graft.data.TokenCache;
import dev.graft.data.Tokenization;
import dev.graft.data.TokenizationOptions;
import dev.graft.data.TokenizedFile;
import dev.graft.model.ModelConfig;
import dev.graft.tokenizer.Tokenizer;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/// The rows of a recipe, split and tokenised.
///
/// @param heldOut   empty when the recipe holds nothing out
/// @param questions held-out rows that can be asked and compared, at most `evaluation.exact_match_rows`
/// @param hash      SHA-256 over the files
/// @param fillRate  share of the training batches that tokens fill
/// @param report    what `data_report.json` holds
/// @param files     a line about each file of rows
record TrainingData(
        Tokenization train,
        Optional<Tokenization> heldOut,
        List<Question> questions,
        String hash,
        double fillRate,
        Map<String, Object> report,
        List<String> files) {
    static TrainingData of(Recipe recipe, Tokenizer tokenizer) {
        Recipe.Data data = recipe.data();
        int maxLength = maxLength(recipe);
        ExampleTokenizer examples = new ExampleTokenizer(tokenizer, options(recipe, maxLength));
        Dataset rows = Dataset.load(inputs(data, data.train()), examples, TokenCache.ofUser());
        if (data.eval().isPresent()) {
            Dataset held = Dataset.load(inputs(data, data.eval().get()), examples, TokenCache.ofUser());
            BitSet every = new BitSet();
            every.set(0, held.rows());
            return of(
                    recipe,
                    rows,
                    Optional.of(held),
                    trainOn(recipe, rows, new BitSet()),
                    Optional.of(held.all()),
                    held.questions(every, most(recipe)));
        }
        double fraction = data.evalFraction().orElseThrow();
        if (fraction == 0) {
            return of(recipe, rows, Optional.empty(), trainOn(recipe, rows, new BitSet()), Optional.empty(), List.of());
        }
        if (rows.isOneText()) {
            return ofOneText(recipe, maxLength, rows, fraction);
        }
        BitSet held = rows.heldOut(fraction, recipe.seed());
        return of(
                recipe,
                rows,
                Optional.empty(),
                trainOn(recipe, rows, held),
                Optional.of(rows.heldOut(held)),
                rows.questions(held, most(recipe)));
    }

    /// A whole text file: its last pieces are held out, so that what is measured comes after what was read.
    private static TrainingData ofOneText(Recipe recipe, int maxLength, Dataset rows, double fraction) {
        Tokenization all = rows.all();
        int count = all.examples().size();
        int held = (int) Math.max(1, Math.round(count * fraction));
        if (held >= count) {
            throw new IllegalArgumentException(
                    "%s makes %d pieces of %d tokens, too few to hold some out; set data.eval_fraction=0 or a smaller data.max_length"
                            .formatted(rows.files().getFirst().summary().file(), count, maxLength));
        }
        return of(
                recipe,
                rows,
                Optional.empty(),
                all.part(0, count - held),
                Optional.of(all.part(count - held, count)),
                List.of());
    }

    private static TrainingData of(
            Recipe recipe,
            Dataset rows,
            Optional<Dataset> heldRows,
            Tokenization train,
            Optional<Tokenization> held,
            List<Question> questions) {
        double fillRate = fillRate(recipe, train);
        Map<String, Object> report = new LinkedHashMap<>();
        report.put("train", DataReport.of(rows, train, fillRate));
        held.ifPresent(tokens -> report.put(
                "held_out",
                heldRows.map(files -> DataReport.of(files, tokens, fillRate(recipe, tokens)))
                        .orElseGet(() -> DataReport.of(tokens, fillRate(recipe, tokens)))));
        List<TokenizedFile> files = Stream.concat(
                        rows.files().stream(), heldRows.stream().flatMap(h -> h.files().stream()))
                .toList();
        return new TrainingData(
                train,
                held,
                questions,
                DataHash.ofHashes(files.stream().map(TokenizedFile::sha256).toList()),
                fillRate,
                report,
                files.stream().map(TrainingData::line).toList());
    }

    /// What a report says about the rows, shortly.
    Map<String, String> facts() {
        Map<String, String> facts = new LinkedHashMap<>();
        for (int i = 0; i < files.size(); i++) {
            facts.put(files.size() == 1 ? "file" : "file " + (i + 1), files.get(i));
        }
        facts.put("train", train.summary());
        heldOut.ifPresent(held -> facts.put("held out", held.summary()));
        facts.put("batches filled", String.format(Locale.ROOT, "%.1f %%", 100 * fillRate));
        facts.put("details", "data_report.json");
        return facts;
    }

    private static String line(TokenizedFile file) {
        var summary = file.summary();
        String unused = summary.unused().isEmpty() ? "" : "; columns not used: " + String.join(", ", summary.unused());
        return "%s: %,d rows of shape %s%s; %s"
                .formatted(
                        summary.file(),
                        summary.rows(),
                        summary.shape(),
                        unused,
                        switch (file.state()) {
                            case HIT -> "tokens from the cache";
                            case MISS -> "tokenised";
                            case REBUILT -> "tokenised again, because what the cache held was damaged";
                        });
    }

    private static List<Input> inputs(Recipe.Data data, Sources sources) {
        return sources.list().stream()
                .map(source -> source.input(data.columns(), data.shape()))
                .toList();
    }

    private static Tokenization trainOn(Recipe recipe, Dataset rows, BitSet held) {
        List<Double> weights = recipe.data().train().list().stream()
                .flatMap(source -> source.weight().stream().boxed())
                .toList();
        Mixture.Stopping stopping =
                Mixture.Stopping.valueOf(recipe.data().stoppingStrategy().name());
        return rows.train(held, new Mixture(weights, stopping), recipe.seed());
    }

    private static double fillRate(Recipe recipe, Tokenization tokens) {
        return new Batches(tokens.examples(), recipe.training().perDeviceBatchTokens(), recipe.seed()).fillRate();
    }

    private static int most(Recipe recipe) {
        return Math.max(
                recipe.evaluation().exactMatchRows(), recipe.evaluation().samples());
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
}
