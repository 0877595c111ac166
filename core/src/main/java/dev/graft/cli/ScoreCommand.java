package dev.graft.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.autograd.Tape;
import dev.graft.data.PackedBatch;
import dev.graft.data.Packing;
import dev.graft.data.Tokenized;
import dev.graft.model.LanguageModel;
import dev.graft.nn.TokenRun;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `graft score`: how likely a model finds texts, token by token.
@Command(
        name = "score",
        mixinStandardHelpOptions = true,
        header = "Writes how likely a model finds texts, token by token.",
        description = {
            "%nReads JSON lines that each hold a @|bold text|@ or its @|bold token_ids|@. Each comes out as it was, with"
                    + " two keys more:",
            "  token_ids  the tokens, with what the tokenizer itself puts around a text",
            "  logprobs   natural log-probability of each token given those before it;",
            "             the first, which nothing comes before, is null%n"
        },
        footerHeading = "%n@|bold Example|@%n",
        footer = {
            "  $ echo '{\"id\": 7, \"text\": \"Once upon a time\"}' > in.jsonl",
            "  $ graft score models/stories --input in.jsonl --output out.jsonl",
            "  $ cat out.jsonl",
            "  {\"id\":7,\"text\":\"Once upon a time\",\"token_ids\":[1,403,407,261,378],",
            "   \"logprobs\":[null,-0.24374,-0.01751,-0.01211,-0.00072]}"
        })
final class ScoreCommand implements Runnable {
    /// Enough for full matrix products, few enough for little memory.
    private static final int RUN_TOKENS = 2048;

    @Spec
    private CommandSpec spec;

    @Mixin
    private ModelOptions options;

    @Option(names = "--input", required = true, paramLabel = "FILE", description = "JSON lines to score.")
    private Path input;

    @Mixin
    private OutputOptions output;

    @Override
    public void run() {
        output.require();
        ScoreRows rows = ScoreRows.read(input);
        rows.throwIfFaulty();
        try (LoadedModel loaded = LoadedModel.of(options)) {
            List<Tokenized> tokens = tokenize(loaded, rows);
            List<float[]> logProbs = logProbs(loaded.model(), tokens, rows);
            output.write(lines(rows, tokens, logProbs));
            spec.commandLine().getOut().println(summary(tokens, logProbs));
        }
        spec.commandLine().getOut().flush();
    }

    /// Every row as one document, all of it to be predicted; ends the run naming every row that cannot be.
    private static List<Tokenized> tokenize(LoadedModel loaded, ScoreRows rows) {
        List<String> texts = rows.rows().stream()
                .filter(ScoreRows.Row::isText)
                .map(ScoreRows.Row::text)
                .toList();
        var encoded = (texts.isEmpty() ? List.<int[]>of() : loaded.tokenizer().encodeAll(texts, true)).iterator();
        List<Tokenized> all = new ArrayList<>();
        int longest = loaded.model().maxPositions();
        for (ScoreRows.Row row : rows.rows()) {
            int[] ids = row.isText() ? encoded.next() : row.tokenIds();
            var unknown = loaded.unknownId(ids);
            if (ids.length == 0) {
                rows.fault(row.number(), "it has no tokens; there is nothing to score");
            } else if (ids.length > longest) {
                rows.fault(
                        row.number(),
                        "it has %,d tokens, and the model was made for at most %,d".formatted(ids.length, longest));
            } else if (unknown.isPresent()) {
                rows.fault(row.number(), unknown.get());
            } else {
                boolean[] labels = new boolean[ids.length];
                Arrays.fill(labels, 1, labels.length, true);
                all.add(new Tokenized(ids, labels, row.number()));
            }
        }
        rows.throwIfFaulty();
        return all;
    }

    /// For each row the log-probabilities of its tokens but the first.
    private static List<float[]> logProbs(LanguageModel model, List<Tokenized> tokens, ScoreRows rows) {
        int longest = tokens.stream().mapToInt(Tokenized::tokens).max().orElseThrow();
        List<PackedBatch> runs = Packing.inOrder(tokens, Math.max(longest, RUN_TOKENS));
        List<float[]> all = new ArrayList<>();
        Tally tally = Tally.of("scoring", "rows");
        for (PackedBatch run : runs) {
            float[] values = logProbs(model, run);
            int from = 0;
            for (int d = 0; d < run.documents(); d++) {
                int length = run.documentStarts()[d + 1] - run.documentStarts()[d] - 1;
                all.add(Arrays.copyOfRange(values, from, from + length));
                from += length;
                requireFinite(all.getLast(), tokens.get(all.size() - 1).row(), rows);
            }
            tally.at(all.size(), tokens.size());
        }
        tally.clear();
        return all;
    }

    private static float[] logProbs(LanguageModel model, PackedBatch run) {
        if (run.labelledCount() == 0) {
            return new float[0];
        }
        try (Scope scope = Scope.open();
                Tape tape = Tape.silent(model.device())) {
            Tensor hidden = model.hidden(tape, TokenRun.documents(run.ids(), run.documentStarts()))
                    .data();
            return model.score(tape, hidden, run.labelledRows(), run.labelledTargets())
                    .logProbs()
                    .toFloats();
        }
    }

    private static void requireFinite(float[] values, int row, ScoreRows rows) {
        for (int i = 0; i < values.length; i++) {
            if (!Float.isFinite(values[i])) {
                throw new IllegalStateException(
                        "%s row %d: the log-probability of its token %d is %s; the model's weights are damaged, or too large for the computing type (try --dtype float32)"
                                .formatted(rows.file(), row, i + 2, values[i]));
            }
        }
    }

    private static byte[] lines(ScoreRows rows, List<Tokenized> tokens, List<float[]> logProbs) {
        var bytes = new ByteArrayOutputStream();
        for (int i = 0; i < tokens.size(); i++) {
            ObjectNode row = rows.rows().get(i).json();
            if (rows.rows().get(i).isText()) {
                ArrayNode ids = row.putArray("token_ids");
                Arrays.stream(tokens.get(i).ids()).forEach(ids::add);
            }
            ArrayNode values = row.putArray("logprobs").addNull();
            for (float value : logProbs.get(i)) {
                values.add(value);
            }
            bytes.writeBytes(row.toString().getBytes(StandardCharsets.UTF_8));
            bytes.write('\n');
        }
        return bytes.toByteArray();
    }

    private static String summary(List<Tokenized> tokens, List<float[]> logProbs) {
        long count = tokens.stream().mapToLong(Tokenized::tokens).sum();
        long scored = logProbs.stream().mapToLong(values -> values.length).sum();
        double sum = 0;
        for (float[] values : logProbs) {
            for (float value : values) {
                sum += value;
            }
        }
        String read =
                String.format(Locale.ROOT, "%s, %s", Facts.count(tokens.size(), "row"), Facts.count(count, "token"));
        return scored == 0
                ? read + "; every row is one token, which nothing predicts"
                : String.format(
                        Locale.ROOT,
                        "%s, mean logprob %.4f, perplexity %.4f",
                        read,
                        sum / scored,
                        Math.exp(-sum / scored));
    }
}
