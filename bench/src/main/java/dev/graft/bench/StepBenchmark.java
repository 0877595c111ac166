package dev.graft.bench;

import dev.graft.data.Batches;
import dev.graft.data.Tokenized;
import dev.graft.model.Architectures;
import dev.graft.model.LanguageModel;
import dev.graft.nn.LinearFactory;
import dev.graft.peft.Adapters;
import dev.graft.peft.Lora;
import dev.graft.peft.Targets;
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
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;

/// Time, memory and rate of one whole LoRA step (forward, backward, clipping, AdamW) at the shape of
/// Qwen2.5-0.5B with random weights, beside the rate of a bfloat16 matrix product measured between the steps.
///
/// ```text
/// java <graft's JVM options> -cp "bench/target/graft-bench.jar:bench/target/lib/*"
/// dev.graft.bench.StepBenchmark \ DOCUMENTS DOCUMENT_LENGTH third|all STEPS [recompute]
/// ```
public final class StepBenchmark {
    private static final int WIDTH = 896;
    private static final int INNER = 4864;
    private static final int LAYERS = 24;
    private static final int HEADS = 14;
    private static final int KEY_HEADS = 2;
    private static final int HEAD_DIM = 64;
    private static final int VOCAB = 151_936;
    private static final int WARM_UP = 2;

    private static final String CONFIG = """
            {"model_type": "llama", "hidden_size": %d, "intermediate_size": %d, "num_hidden_layers": %d,
             "num_attention_heads": %d, "num_key_value_heads": %d, "head_dim": %d, "vocab_size": %d,
             "tie_word_embeddings": true, "max_position_embeddings": 32768, "rms_norm_eps": 1e-6}
            """.formatted(WIDTH, INNER, LAYERS, HEADS, KEY_HEADS, HEAD_DIM, VOCAB);

    private StepBenchmark() {}

    public static void main(String[] args) throws IOException {
        int documents = Integer.parseInt(args[0]);
        int length = Integer.parseInt(args[1]);
        boolean all = args[2].equals("all");
        int steps = Integer.parseInt(args[3]);
        boolean recompute = args.length > 4 && args[4].equals("recompute");
        Path directory = Files.createTempDirectory("graft-bench");
        Files.writeString(directory.resolve("config.json"), CONFIG);

        Adapters adapters = new Adapters(new Lora(16, 32, 0, Targets.allLinear()), 1);
        LinearFactory factory = adapters.over(LinearFactory.frozen());
        try (LanguageModel model = Architectures.random(directory, factory, Device.cpu(), DType.BF16, 1)) {
            run(model, documents, length, all, steps, recompute);
        }
    }

    private static void run(LanguageModel model, int documents, int length, boolean all, int steps, boolean recompute) {
        List<Tokenized> examples = new ArrayList<>();
        SplittableRandom random = new SplittableRandom(1);
        for (int d = 0; d < documents; d++) {
            int[] ids = random.ints(length, 0, VOCAB).toArray();
            boolean[] labels = new boolean[length];
            Arrays.fill(labels, all ? 1 : length - length / 3, length, true);
            examples.add(new Tokenized(ids, labels, d));
        }
        int tokens = documents * length;
        List<Double> seconds = new ArrayList<>();
        List<Double> rates = new ArrayList<>();
        long[] labelled = new long[1];
        TrainingEvent.Listener listener = event -> {
            if (event instanceof TrainingEvent.Stepped step) {
                labelled[0] = step.labelledTokens();
                if (step.step() > WARM_UP) {
                    seconds.add(step.tokens() / step.tokensPerSecond());
                    rates.add(gemmRate(tokens));
                }
            }
        };
        TrainingConfig config = TrainingConfig.ofSteps(WARM_UP + steps).withRecompute(recompute);
        try (Trainer trainer = Trainer.sft(model, new Batches(examples, tokens, 1), config, 1e-4, listener)) {
            trainer.run();
        }
        report(tokens, labelled[0], median(seconds), median(rates), recompute);
    }

    private static void report(int tokens, long labelled, double second, double gemm, boolean recompute) {
        double linear = (double) LAYERS * (WIDTH * (2.0 * HEADS + 2 * KEY_HEADS) * HEAD_DIM + 3.0 * WIDTH * INNER);
        double flop = 4 * linear * tokens + 4.0 * WIDTH * VOCAB * labelled;
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
    private static double gemmRate(int tokens) {
        try (Scope scope = Scope.open()) {
            Tensor x = Tensor.full(0.5, DType.BF16, Device.cpu(), tokens, WIDTH);
            Tensor w = Tensor.full(0.5, DType.BF16, Device.cpu(), INNER, WIDTH);
            double best = Double.MAX_VALUE;
            for (int i = 0; i < 5; i++) {
                long began = System.nanoTime();
                Scope.local(() -> x.mm(w.t()));
                best = Math.min(best, (System.nanoTime() - began) / 1e9);
            }
            return 2.0 * tokens * WIDTH * INNER / best / 1e9;
        }
    }

    private static double median(List<Double> values) {
        double[] sorted =
                values.stream().mapToDouble(Double::doubleValue).sorted().toArray();
        return sorted[sorted.length / 2];
    }
}
