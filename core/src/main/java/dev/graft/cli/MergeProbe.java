package dev.graft.cli;

import dev.graft.data.ExampleTokenizer;
import dev.graft.data.PackedBatch;
import dev.graft.data.Packing;
import dev.graft.data.Row;
import dev.graft.data.Rows;
import dev.graft.data.TokenizationOptions;
import dev.graft.data.TokenizationOptions.Overlong;
import dev.graft.data.Tokenized;
import dev.graft.format.vocabulary.TokenizerTexts;
import dev.graft.model.LanguageModel;
import dev.graft.tokenizer.ChatTemplate;
import dev.graft.tokenizer.Tokenizer;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;

/// The tokens on which a merged model is compared with base and adapter.
///
/// @param what    says where they come from
/// @param batches labelled where the models are compared
record MergeProbe(String what, List<PackedBatch> batches) {
    private static final String BUILT_IN = "probe.txt";
    private static final int DOCUMENT_TOKENS = 256;
    private static final int BATCH_TOKENS = 2048;
    private static final int RANDOM_DOCUMENTS = 8;

    /// Rows as `graft train` reads them; compared where they would be learnt.
    ///
    /// @param rows     how many of them
    /// @param template in place of the model's own
    static MergeProbe of(Path file, int rows, Path model, Optional<ChatTemplate> template, LanguageModel shape) {
        List<Row> all = Rows.read(file);
        try (Tokenizer tokenizer = Tokenizer.load(model, template)) {
            var options = TokenizationOptions.upTo(shape.maxPositions()).withOverlong(Overlong.TRUNCATE_END);
            List<Tokenized> examples = new ExampleTokenizer(tokenizer, options)
                    .apply(all.subList(0, Math.min(rows, all.size())))
                    .examples();
            List<Tokenized> some = examples.subList(0, Math.min(rows, examples.size()));
            return packed("%s, %s".formatted(file, Facts.count(some.size(), "row")), some, shape);
        }
    }

    /// Short texts of many kinds that come with Graft, or random ids for a model without a tokenizer.
    static MergeProbe builtIn(Path model, LanguageModel shape) {
        if (TokenizerTexts.of(model).text("tokenizer.json").isEmpty()) {
            return packed("random token ids (the model has no tokenizer)", random(shape), shape);
        }
        try (Tokenizer tokenizer = Tokenizer.load(model)) {
            List<Tokenized> texts = new ArrayList<>();
            for (String text : builtInTexts()) {
                int[] ids = tokenizer.encode(text, true);
                texts.add(document(Arrays.copyOf(ids, Math.min(ids.length, longest(shape))), texts.size() + 1));
            }
            return packed("%d texts that come with Graft".formatted(texts.size()), texts, shape);
        }
    }

    private static MergeProbe packed(String what, List<Tokenized> documents, LanguageModel shape) {
        for (Tokenized document : documents) {
            int highest = Arrays.stream(document.ids()).max().orElse(0);
            if (highest >= shape.vocabularySize()) {
                throw new IllegalArgumentException(
                        "the tokenizer gives the id %d, and the model's vocabulary ends at %d; they are not of one model"
                                .formatted(highest, shape.vocabularySize() - 1));
            }
        }
        int longest = documents.stream().mapToInt(Tokenized::tokens).max().orElse(0);
        return new MergeProbe(what, Packing.inOrder(documents, Math.max(BATCH_TOKENS, longest)));
    }

    private static List<Tokenized> random(LanguageModel shape) {
        List<Tokenized> documents = new ArrayList<>();
        SplittableRandom random = new SplittableRandom(0);
        for (int i = 0; i < RANDOM_DOCUMENTS; i++) {
            documents.add(document(
                    random.ints(longest(shape), 0, shape.vocabularySize()).toArray(), i + 1));
        }
        return documents;
    }

    private static int longest(LanguageModel shape) {
        return Math.min(DOCUMENT_TOKENS, shape.maxPositions());
    }

    private static Tokenized document(int[] ids, int row) {
        boolean[] labels = new boolean[ids.length];
        Arrays.fill(labels, 1, labels.length, true);
        return new Tokenized(ids, labels, row);
    }

    private static List<String> builtInTexts() {
        try (InputStream stored = MergeProbe.class.getResourceAsStream(BUILT_IN)) {
            return List.of(new String(stored.readAllBytes(), StandardCharsets.UTF_8)
                    .strip()
                    .split("\n\n"));
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + BUILT_IN, e);
        }
    }
}
