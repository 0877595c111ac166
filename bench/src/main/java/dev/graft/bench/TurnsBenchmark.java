package dev.graft.bench;

import dev.graft.data.Batches;
import dev.graft.model.Architectures;
import dev.graft.model.LanguageModel;
import dev.graft.peft.Adapters;
import dev.graft.peft.Lora;
import dev.graft.peft.Targets;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.train.Trainer;
import dev.graft.train.TrainingConfig;
import dev.graft.train.TrainingEvent;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Semaphore;

/// Time of a QLoRA step (NF4 with double quantisation) beside that of a LoRA step on the same bfloat16
/// model: both models are in one process and take a step each in turn, so that what else the machine does
/// meets both alike.
///
/// ```text
/// java <graft's JVM options> -cp "bench/target/graft-bench.jar:bench/target/lib/*"
/// dev.graft.bench.TurnsBenchmark DIR TOKENS STEPS [recompute] [int8-embeddings|nf4-embeddings]
/// ```
public final class TurnsBenchmark {
    private static final int SHORT = 256;

    private final Shapes shape;
    private final int tokens;
    private final int steps;
    private final List<String> more;
    private final Path directory;
    private final Semaphore[] turns = {new Semaphore(0), new Semaphore(1)};
    private final double[][] seconds;
    /// Of all processors, while a step ran.
    private final double[][] busy;
    private double cpuBefore;

    private TurnsBenchmark(String[] args) throws IOException {
        directory = Path.of(args[0]);
        shape = Shapes.of(directory);
        tokens = Integer.parseInt(args[1]);
        steps = Integer.parseInt(args[2]);
        more = Arrays.asList(args).subList(3, args.length);
        seconds = new double[2][steps];
        busy = new double[2][steps];
    }

    public static void main(String[] args) throws IOException, InterruptedException {
        System.out.println(Machine.line());
        new TurnsBenchmark(args).run();
        System.out.println(Machine.line());
    }

    private void run() throws InterruptedException {
        List<String> packed = new ArrayList<>(more);
        packed.add("nf4-double");
        Thread plain = Thread.ofPlatform().start(() -> train(0, List.of()));
        Thread quantised = Thread.ofPlatform().start(() -> train(1, packed));
        plain.join();
        quantised.join();
        report("wall clock", seconds);
        report("processor time", busy);
    }

    private void report(String what, double[][] seconds) {
        double[] ratios = new double[steps];
        for (int i = 0; i < steps; i++) {
            ratios[i] = seconds[1][i] / seconds[0][i];
        }
        System.out.printf(
                Locale.ROOT,
                "%d tokens %s, %s: bf16 %.2f s (best %.2f), nf4 %.2f s (best %.2f), ratio %.3f (median of pairs), %.3f (best)%n",
                tokens,
                more,
                what,
                Machine.median(seconds[0]),
                best(seconds[0]),
                Machine.median(seconds[1]),
                best(seconds[1]),
                Machine.median(ratios),
                best(seconds[1]) / best(seconds[0]));
    }

    private static double best(double[] values) {
        return Arrays.stream(values).min().orElseThrow();
    }

    private void train(int own, List<String> words) {
        turns[own].acquireUninterruptibly();
        Adapters adapters = new Adapters(new Lora(16, 32, 0, Targets.allLinear()), 1);
        try (LanguageModel model =
                Architectures.load(directory, adapters.over(StepBenchmark.base(words)), Device.cpu(), DType.BF16)) {
            steps(model, SHORT, 2, event -> pass(own));
            steps(model, tokens, steps, event -> {
                if (event instanceof TrainingEvent.Stepped step) {
                    seconds[own][step.step() - 1] = step.tokens() / step.tokensPerSecond();
                    busy[own][step.step() - 1] = cpuSeconds() - cpuBefore;
                    System.out.printf(
                            Locale.ROOT,
                            "%s %.2f s, %.2f s of processors%n",
                            words,
                            seconds[own][step.step() - 1],
                            busy[own][step.step() - 1]);
                }
                pass(own);
            });
        } finally {
            turns[1 - own].release(2); // the other may go on to its end
        }
    }

    /// Lets the other take a step, and waits for the next turn.
    private void pass(int own) {
        turns[1 - own].release();
        turns[own].acquireUninterruptibly();
        cpuBefore = cpuSeconds();
    }

    private static double cpuSeconds() {
        return ProcessHandle.current().info().totalCpuDuration().orElseThrow().toNanos() / 1e9;
    }

    private void steps(LanguageModel model, int length, int count, TrainingEvent.Listener listener) {
        TrainingConfig config = TrainingConfig.ofSteps(count).withRecompute(more.contains("recompute"));
        Batches batches = new Batches(StepBenchmark.examples(shape, 1, length, false), length, 1);
        try (Trainer trainer = Trainer.sft(model, batches, config, 1e-4, listener)) {
            trainer.run();
        }
    }
}
