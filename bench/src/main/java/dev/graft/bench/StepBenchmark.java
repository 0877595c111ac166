package dev.graft.bench;

import dev.graft.data.Batches;
import dev.graft.data.Tokenized;
import dev.graft.model.Architectures;
import dev.graft.model.LanguageModel;
import dev.graft.nn.LinearFactory;
import dev.graft.peft.Adapters;
import dev.graft.peft.Lora;
import dev.graft.peft.Targets;
import dev.graft.quant.Nf4;
import dev.graft.quant.QuantisedEmbeddings;
import dev.graft.quant.QuantisedLinears;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import dev.graft.tensor.Torch;
import dev.graft.train.ProcessMemory;
import dev.graft.train.Trainer;
import dev.graft.train.TrainingConfig;
import dev.graft.train.TrainingEvent;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;

/// Time, memory and rate of one whole LoRA step (forward, backward, clipping, AdamW) on a model that
/// [RandomModel] wrote, loaded as `graft train` loads it, beside the rate of a bfloat16 matrix product
/// measured between the steps. With `nf4` or `nf4-double` the linears are packed while they are loaded
/// (QLoRA).
///
/// ```text
/// java <graft's JVM options> -cp "bench/target/graft-bench.jar:bench/target/lib/*"
/// dev.graft.bench.StepBenchmark DIR DOCUMENTS DOCUMENT_LENGTH third|all STEPS [recompute]
/// [nf4|nf4-double] [int8-embeddings|nf4-embeddings]
/// ```
public final class StepBenchmark {
    private static final int WARM_UP = 2;

    private StepBenchmark() {}

    public static void main(String[] args) throws IOException {
        Path directory = Path.of(args[0]);
        Shapes shape = Shapes.of(directory);
        int documents = Integer.parseInt(args[1]);
        int length = Integer.parseInt(args[2]);
        boolean all = args[3].equals("all");
        int steps = Integer.parseInt(args[4]);
        List<String> more = Arrays.asList(args).subList(5, args.length);

        System.out.println(Machine.line());
        Adapters adapters = new Adapters(new Lora(16, 32, 0, Targets.allLinear()), 1);
        LinearFactory factory = adapters.over(base(more));
        Torch.load();
        System.out.println("before loading: " + Machine.memory());
        long began = System.nanoTime();
        try (LanguageModel model = Architectures.load(directory, factory, Device.cpu(), DType.BF16)) {
            System.out.printf(
                    Locale.ROOT, "loaded in %.1f s: %s%n", (System.nanoTime() - began) / 1e9, Machine.memory());
            Machine.forgetPeak();
            run(shape, model, documents, length, all, steps, more.contains("recompute"));
        }
        System.out.println(Machine.line());
    }

    /// Random documents, of which the last third is labelled, or all.
    static List<Tokenized> examples(Shapes shape, int documents, int length, boolean all) {
        List<Tokenized> examples = new ArrayList<>();
        SplittableRandom random = new SplittableRandom(1);
        for (int d = 0; d < documents; d++) {
            int[] ids = random.ints(length, 0, shape.vocab).toArray();
            boolean[] labels = new boolean[length];
            Arrays.fill(labels, all ? 1 : length - length / 3, length, true);
            examples.add(new Tokenized(ids, labels, d));
        }
        return examples;
    }

    /// How the words of a command line keep the frozen weights.
    static LinearFactory base(List<String> words) {
        LinearFactory base = LinearFactory.frozen();
        if (words.contains("nf4") || words.contains("nf4-double")) {
            base = new QuantisedLinears(base, new Nf4(words.contains("nf4-double")));
        }
        if (words.contains("nf4-embeddings")) {
            return QuantisedEmbeddings.of(base, new Nf4(words.contains("nf4-double")));
        }
        return words.contains("int8-embeddings") ? QuantisedEmbeddings.int8(base) : base;
    }

    private static void run(
            Shapes shape, LanguageModel model, int documents, int length, boolean all, int steps, boolean recompute) {
        List<Tokenized> examples = examples(shape, documents, length, all);
        int tokens = documents * length;
        List<Double> seconds = new ArrayList<>();
        List<Double> rates = new ArrayList<>();
        long[] labelled = new long[1];
        TrainingEvent.Listener listener = event -> {
            if (event instanceof TrainingEvent.Stepped step) {
                labelled[0] = step.labelledTokens();
                System.out.printf(
                        Locale.ROOT,
                        "step %d: %.2f s, loss %.4f, %s%n",
                        step.step(),
                        step.tokens() / step.tokensPerSecond(),
                        step.loss(),
                        Machine.memory());
                if (step.step() > WARM_UP) {
                    seconds.add(step.tokens() / step.tokensPerSecond());
                    rates.add(gemmRate(shape, tokens));
                }
            }
        };
        TrainingConfig config = TrainingConfig.ofSteps(WARM_UP + steps).withRecompute(recompute);
        try (Trainer trainer = Trainer.sft(model, new Batches(examples, tokens, 1), config, 1e-4, listener)) {
            trainer.run();
        }
        report(shape, tokens, labelled[0], median(seconds), median(rates), recompute);
    }

    private static void report(Shapes shape, int tokens, long labelled, double second, double gemm, boolean recompute) {
        double flop = 4.0 * shape.linear() * tokens + 4.0 * shape.head() * labelled;
        System.out.printf(
                Locale.ROOT,
                "%d tokens, %d labelled, recompute %s: %.2f s a step (median), %.0f tokens/s,"
                        + " %.0f GFLOP/s of %.0f (%.0f %% of the bf16 GEMM rate), peak %d MB, %d threads, %s%n",
                tokens,
                labelled,
                recompute ? "on" : "off",
                second,
                tokens / second,
                flop / second / 1e9,
                gemm,
                100 * flop / second / 1e9 / gemm,
                ProcessMemory.peakResidentMegabytes().orElse(0),
                Torch.threads(),
                Torch.cpuName());
    }

    /// GFLOP/s of `[tokens, width] × [width, inner]` in bfloat16, the best of five.
    private static double gemmRate(Shapes shape, int tokens) {
        try (Scope scope = Scope.open()) {
            Tensor x = Tensor.full(0.5, DType.BF16, Device.cpu(), tokens, shape.width);
            Tensor w = Tensor.full(0.5, DType.BF16, Device.cpu(), shape.inner, shape.width);
            double best = Double.MAX_VALUE;
            for (int i = 0; i < 5; i++) {
                long began = System.nanoTime();
                Scope.local(() -> x.mm(w.t()));
                best = Math.min(best, (System.nanoTime() - began) / 1e9);
            }
            return 2.0 * tokens * shape.width * shape.inner / best / 1e9;
        }
    }

    private static double median(List<Double> values) {
        double[] sorted =
                values.stream().mapToDouble(Double::doubleValue).sorted().toArray();
        return sorted[sorted.length / 2];
    }
}
