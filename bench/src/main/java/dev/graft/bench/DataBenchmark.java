package dev.graft.bench;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import dev.graft.data.Batches;
import dev.graft.data.Dataset;
import dev.graft.data.Example;
import dev.graft.data.ExampleTokenizer;
import dev.graft.data.Input;
import dev.graft.data.PackedBatch;
import dev.graft.data.Row;
import dev.graft.data.Rows;
import dev.graft.data.TokenCache;
import dev.graft.data.TokenizationOptions;
import dev.graft.data.TokenizationOptions.Overlong;
import dev.graft.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/// The way of rows from file to batches (read, shape, template, tokenise, write to the cache, pack)
/// beside the tokenizer library alone on the same texts, in turns within one run.
///
/// ```text
/// taskset -c 0 java … dev.graft.bench.DataBenchmark MODEL FILE ROUNDS
/// ```
/// With `taskset` both sides have one core.
public final class DataBenchmark {
    private static final int WARM_UP = 2;

    private DataBenchmark() {}

    public static void main(String[] args) throws IOException {
        Path model = Path.of(args[0]);
        Path file = Path.of(args[1]);
        int rounds = Integer.parseInt(args[2]);
        var library = HuggingFaceTokenizer.newInstance(
                model.resolve("tokenizer.json"), Map.of("truncation", "false", "padding", "false"));
        try (library;
                Tokenizer tokenizer = Tokenizer.load(model)) {
            List<String> texts = texts(file, tokenizer);
            List<Double> ratios = new ArrayList<>();
            for (int round = -WARM_UP; round < rounds; round++) {
                double alone = seconds(() -> texts.forEach(text -> library.encode(text, true, false)));
                long[] tokens = new long[1];
                double whole = seconds(() -> tokens[0] = wholeWay(file, tokenizer));
                if (round >= 0) {
                    ratios.add(whole / alone);
                    System.out.println(String.format(
                            Locale.ROOT,
                            "%,d tokens: tokenizer alone %.2f s (%,.0f tokens/s), whole way %.2f s (%,.0f tokens/s), %.2f of it",
                            tokens[0],
                            alone,
                            tokens[0] / alone,
                            whole,
                            tokens[0] / whole,
                            whole / alone));
                }
            }
            ratios.sort(null);
            System.out.println(String.format(Locale.ROOT, "median %.2f", ratios.get(ratios.size() / 2)));
        }
    }

    /// The texts that are tokenised in the end, so that both sides make the same tokens.
    private static List<String> texts(Path file, Tokenizer tokenizer) {
        List<String> texts = new ArrayList<>();
        for (Row row : Rows.read(file)) {
            texts.add(
                    switch (row.example()) {
                        case Example.PromptCompletion(String prompt, String completion) -> prompt + completion;
                        case Example.Text(String text, boolean _) -> text;
                        case Example.Chat chat ->
                            tokenizer.chatTemplate().orElseThrow().render(chat.messages(), false);
                        case Example other -> throw new IllegalArgumentException("no text in " + other);
                    });
        }
        return texts;
    }

    private static long wholeWay(Path file, Tokenizer tokenizer) {
        try {
            Path cache = Files.createTempDirectory("graft-bench");
            var options = TokenizationOptions.upTo(2048).withOverlong(Overlong.TRUNCATE_END);
            Dataset data = Dataset.load(
                    List.of(Input.of(file)), new ExampleTokenizer(tokenizer, options), new TokenCache(cache));
            long tokens = 0;
            for (PackedBatch batch : new Batches(data.all().examples(), 4096, 1).epoch(0)) {
                tokens += batch.tokens();
            }
            for (Path kept : Files.list(cache).toList()) {
                Files.delete(kept);
            }
            Files.delete(cache);
            return tokens;
        } catch (IOException e) {
            throw new java.io.UncheckedIOException("the benchmark's own files", e);
        }
    }

    private static double seconds(Runnable work) {
        long began = System.nanoTime();
        work.run();
        return (System.nanoTime() - began) / 1e9;
    }
}
