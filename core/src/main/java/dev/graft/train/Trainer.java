package dev.graft.train;

import dev.graft.autograd.Parameter;
import dev.graft.autograd.Tape;
import dev.graft.autograd.Value;
import dev.graft.data.Batches;
import dev.graft.data.PackedBatch;
import dev.graft.eval.HeldOut;
import dev.graft.model.LanguageModel;
import dev.graft.nn.TokenRun;
import dev.graft.objective.CrossEntropy;
import dev.graft.objective.Loss;
import dev.graft.objective.Objective;
import dev.graft.optim.AdamW;
import dev.graft.optim.AdamWSettings;
import dev.graft.optim.Gradients;
import dev.graft.optim.Optimizer;
import dev.graft.optim.Schedule;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.util.List;
import java.util.Optional;

/// The training loop. Fine-tuning methods differ in what they hand it (an objective, layers, batches), so
/// there is one loop to read.
///
/// Gradients of sums are added over the micro-batches of a step and divided once by the number of labelled
/// tokens, so that packing, accumulation and the order of documents do not change the update.
public final class Trainer implements AutoCloseable {
    private final TrainingConfig config;
    private final LanguageModel model;
    private final Objective objective;
    private final Optimizer optimizer;
    private final Schedule schedule;
    private final Batches batches;
    private final List<PackedBatch> heldOut;
    private final Optional<Checkpoints> checkpoints;
    private final TrainingEvent.Listener listener;
    private volatile boolean stopRequested;

    /// @param optimizer   closed with this trainer
    /// @param heldOut     batches of the loss on the way; may be empty
    /// @param checkpoints where checkpoints go; empty for a run that keeps none
    public Trainer(
            TrainingConfig config,
            LanguageModel model,
            Objective objective,
            Optimizer optimizer,
            Schedule schedule,
            Batches batches,
            List<PackedBatch> heldOut,
            Optional<Checkpoints> checkpoints,
            TrainingEvent.Listener listener) {
        if (model.parameters().isEmpty()) {
            throw new IllegalArgumentException(
                    "nothing in this model learns: build it with adapters, or with LinearFactory.trainable()");
        }
        this.config = config;
        this.model = model;
        this.objective = objective;
        this.optimizer = optimizer;
        this.schedule = schedule;
        this.batches = batches;
        this.heldOut = List.copyOf(heldOut);
        this.checkpoints = checkpoints;
        this.listener = listener;
    }

    /// Supervised fine-tuning as most want it: cross-entropy, AdamW without weight decay, a cosine schedule
    /// after 3 % warm-up, no checkpoints.
    ///
    /// @param learningRate at its peak
    public static Trainer sft(
            LanguageModel model,
            Batches batches,
            TrainingConfig config,
            double learningRate,
            TrainingEvent.Listener listener) {
        return new Trainer(
                config,
                model,
                new CrossEntropy(),
                new AdamW(model.parameters(), AdamWSettings.defaults(), AdamW.everyParameter()),
                Schedule.named("cosine", learningRate, (int) Math.ceil(0.03 * config.steps()), config.steps()),
                batches,
                List.of(),
                Optional.empty(),
                listener);
    }

    /// Frees the optimizer's state.
    @Override
    public void close() {
        optimizer.close();
    }

    /// Steps that `epochs` passes over the examples take.
    ///
    /// @param epochs       may be a fraction
    /// @param microBatches packed batches of one step
    public static int stepsFor(Batches batches, double epochs, int microBatches) {
        int whole = (int) Math.floor(epochs);
        double total = 0;
        for (int epoch = 0; epoch < whole; epoch++) {
            total += batches.epoch(epoch).size();
        }
        if (epochs > whole) {
            total += (epochs - whole) * batches.epoch(whole).size();
        }
        return Math.max(1, (int) Math.round(total / microBatches));
    }

    /// Asks the run to end after the step it is in, with a checkpoint. May be called from any thread.
    public void requestStop() {
        stopRequested = true;
    }

    /// Runs from the beginning.
    public TrainingResult run() {
        return run(Progress.START);
    }

    /// Continues from the latest checkpoint, as if the run had never stopped; from the beginning when there
    /// is none.
    public TrainingResult resume() {
        Checkpoints store = checkpoints.orElseThrow(
                () -> new IllegalStateException("a run without checkpoints has nothing to resume from"));
        return run(store.restoreLatest(model.parameters(), optimizer).orElse(Progress.START));
    }

    /// Where a run stands.
    ///
    /// @param step         steps done
    /// @param microBatches micro-batches read
    /// @param tokens       tokens processed
    /// @param seconds      spent on steps
    public record Progress(int step, long microBatches, long tokens, double seconds) {
        static final Progress START = new Progress(0, 0, 0, 0);
    }

    private TrainingResult run(Progress start) {
        BatchStream stream = new BatchStream(batches);
        stream.skip(start.microBatches());
        Progress progress = start;
        double lastLoss = Double.NaN;
        Optional<HeldOut> measured = Optional.empty();
        while (progress.step() < config.steps() && !stopRequested) {
            TrainingEvent.Stepped stepped = step(stream, progress);
            progress = new Progress(stepped.step(), stream.consumed(), stepped.totalTokens(), stepped.seconds());
            lastLoss = stepped.loss();
            measured = measure(progress);
            listener.on(stepped.with(measured));
            if (isDue(config.saveSteps(), progress)) {
                save(progress);
            }
        }
        boolean interrupted = progress.step() < config.steps();
        if (interrupted || !isDue(config.saveSteps(), progress)) {
            save(progress);
        }
        return new TrainingResult(
                progress.step(), progress.tokens(), progress.seconds(), lastLoss, measured, interrupted);
    }

    /// Asks the held-out batches when it is time to, and after the last step.
    private Optional<HeldOut> measure(Progress progress) {
        boolean due = isDue(config.evalSteps(), progress) || progress.step() == config.steps();
        return due && !heldOut.isEmpty() ? Optional.of(HeldOut.of(model, heldOut)) : Optional.empty();
    }

    private static boolean isDue(int every, Progress progress) {
        return every > 0 && progress.step() % every == 0;
    }

    private void save(Progress progress) {
        checkpoints.ifPresent(store -> listener.on(new TrainingEvent.Saved(
                progress.step(), store.save(progress, model.parameters(), optimizer, config.keepCheckpoints()))));
    }

    private TrainingEvent.Stepped step(BatchStream stream, Progress before) {
        long began = System.nanoTime();
        int step = before.step() + 1;
        double lossSum = 0;
        long labelled = 0;
        long tokens = 0;
        for (int micro = 0; micro < config.microBatches(); micro++) {
            long seed = config.seed() * 1_000_003 + stream.consumed();
            PackedBatch batch = stream.next();
            lossSum += backward(batch, seed);
            labelled += batch.labelledCount();
            tokens += batch.tokens();
        }
        List<Parameter> parameters = model.parameters();
        double norm = Gradients.norm(parameters) / labelled;
        double loss = lossSum / labelled;
        requireFinite(step, loss, norm);
        double clip = config.maxGradientNorm() > 0 ? Gradients.clipFactor(norm, config.maxGradientNorm()) : 1;
        double learningRate = schedule.at(before.step());
        optimizer.step(learningRate, clip / labelled);
        Gradients.clear(parameters);
        double seconds = (System.nanoTime() - began) / 1e9;
        return new TrainingEvent.Stepped(
                step,
                config.steps(),
                loss,
                learningRate,
                norm,
                tokens,
                labelled,
                tokens / seconds,
                before.tokens() + tokens,
                before.seconds() + seconds,
                Optional.empty());
    }

    /// Adds one micro-batch's gradients.
    ///
    /// @return its summed loss
    private double backward(PackedBatch batch, long seed) {
        try (Scope scope = Scope.open();
                Tape tape = Tape.recording(model.device(), seed, config.recompute())) {
            Value hidden = model.hidden(tape, TokenRun.documents(batch.ids(), batch.documentStarts()));
            Value logProbs = model.logProbs(tape, hidden, batch.labelledRows(), batch.labelledTargets());
            Tensor leaf = logProbs.data().leaf();
            Loss loss = objective.loss(leaf);
            loss.sum().backward();
            tape.backward(logProbs, leaf.grad().orElseThrow());
            return loss.sum().item();
        }
    }

    private void requireFinite(int step, double loss, double norm) {
        if (Double.isFinite(loss) && Double.isFinite(norm)) {
            return;
        }
        String kept = checkpoints
                .flatMap(Checkpoints::latest)
                .map(latest -> "The weights of " + latest + " are as they were.")
                .orElse("No checkpoint was written yet.");
        throw new IllegalStateException(
                "step %d: the loss is %s and the gradient norm %s, so training stopped before the update. %s Try a lower training.learning_rate, a longer warm-up, or training.dtype=float32."
                        .formatted(step, loss, norm, kept));
    }
}
