package dev.graft.cli;

import dev.graft.data.Batches;
import dev.graft.data.DataHash;
import dev.graft.data.DataReport;
import dev.graft.data.Dataset;
import dev.graft.data.Mixture;
import dev.graft.data.Question;
import dev.graft.data.Tokenization;
import dev.graft.data.TokenizedFile;
import dev.graft.data.check.CheckReport;
import dev.graft.eval.TokenView;
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
/// @param check     what was wrong with the rows and stopped nothing
/// @param examples  the first rows that are trained on, token by token
record TrainingData(
        Tokenization train,
        Optional<Tokenization> heldOut,
        List<Question> questions,
        String hash,
        double fillRate,
        Map<String, Object> report,
        List<String> files,
        CheckReport check,
        List<TokenView> examples) {
    private static final int EXAMPLES_SHOWN = 3;

    static TrainingData of(Recipe recipe, Tokenizer tokenizer) {
        RowSettings settings = RowSettings.of(recipe);
        RowSettings.Loaded loaded = settings.load(tokenizer);
        loaded.check().requireNoErrors("--allow %s, or data.allow in the recipe");
        Dataset rows = loaded.train();
        if (loaded.eval().isPresent()) {
            Dataset held = loaded.eval().get();
            BitSet every = new BitSet();
            every.set(0, held.rows());
            return of(
                    recipe,
                    loaded,
                    trainOn(recipe, rows, new BitSet()),
                    Optional.of(held.all()),
                    held.questions(every, most(recipe)));
        }
        if (settings.evalFraction() == 0) {
            return of(recipe, loaded, trainOn(recipe, rows, new BitSet()), Optional.empty(), List.of());
        }
        if (rows.isOneText()) {
            return ofOneText(recipe, settings, loaded);
        }
        return of(
                recipe,
                loaded,
                trainOn(recipe, rows, loaded.drawn()),
                Optional.of(rows.heldOut(loaded.drawn())),
                rows.questions(loaded.drawn(), most(recipe)));
    }

    /// A whole text file: its last pieces are held out, so that what is measured comes after what was read.
    private static TrainingData ofOneText(Recipe recipe, RowSettings settings, RowSettings.Loaded loaded) {
        Tokenization all = loaded.train().all();
        int count = all.examples().size();
        int held = (int) Math.max(1, Math.round(count * settings.evalFraction()));
        if (held >= count) {
            throw new IllegalArgumentException(
                    "%s makes %d pieces of %d tokens, too few to hold some out; set data.eval_fraction=0 or a smaller data.max_length"
                            .formatted(
                                    loaded.train().files().getFirst().summary().file(),
                                    count,
                                    settings.options().maxLength()));
        }
        return of(recipe, loaded, all.part(0, count - held), Optional.of(all.part(count - held, count)), List.of());
    }

    private static TrainingData of(
            Recipe recipe,
            RowSettings.Loaded loaded,
            Tokenization train,
            Optional<Tokenization> held,
            List<Question> questions) {
        double fillRate = fillRate(recipe, train);
        Map<String, Object> report = new LinkedHashMap<>();
        report.put("train", DataReport.of(loaded.train(), train, fillRate));
        held.ifPresent(tokens -> report.put(
                "held_out",
                loaded.eval()
                        .map(files -> DataReport.of(files, tokens, fillRate(recipe, tokens)))
                        .orElseGet(() -> DataReport.of(tokens, fillRate(recipe, tokens)))));
        report.put("check", loaded.check().json());
        List<TokenizedFile> files = Stream.concat(
                        loaded.train().files().stream(), loaded.eval().stream().flatMap(h -> h.files().stream()))
                .toList();
        return new TrainingData(
                train,
                held,
                questions,
                DataHash.ofHashes(files.stream().map(TokenizedFile::sha256).toList()),
                fillRate,
                report,
                files.stream().map(TrainingData::line).toList(),
                loaded.check(),
                train.examples().stream()
                        .limit(EXAMPLES_SHOWN)
                        .map(example -> TokenView.of(
                                "row " + example.row(),
                                example,
                                loaded.train().tokenizer().tokenizer()))
                        .toList());
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
        check.findings()
                .forEach(finding -> facts.put(
                        "%s %s".formatted(finding.rank(), finding.lint().label()), finding.sentence()));
        facts.put("details", "data_report.json");
        return facts;
    }

    private static String line(TokenizedFile file) {
        var summary = file.summary();
        String unused = summary.unused().isEmpty() ? "" : "; columns not used: " + String.join(", ", summary.unused());
        return "%s: %s of shape %s%s; %s"
                .formatted(
                        Facts.path(summary.file()),
                        Facts.count(summary.rows(), "row"),
                        summary.shape(),
                        unused,
                        switch (file.state()) {
                            case HIT -> "tokens from the cache";
                            case MISS -> "tokenised";
                            case REBUILT -> "tokenised again, because what the cache held was damaged";
                        });
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
}
