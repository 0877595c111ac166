package dev.graft.cli;

import dev.graft.data.Batches;
import dev.graft.data.PackedBatch;
import dev.graft.eval.Answers;
import dev.graft.eval.HeldOut;
import dev.graft.export.ModelDirectory;
import dev.graft.format.AtomicFiles;
import dev.graft.format.Json;
import dev.graft.format.WeightHash;
import dev.graft.format.vocabulary.TemplateFiles;
import dev.graft.model.Architectures;
import dev.graft.model.LanguageModel;
import dev.graft.nn.LinearFactory;
import dev.graft.objective.CrossEntropy;
import dev.graft.optim.AdamW;
import dev.graft.optim.Schedule;
import dev.graft.peft.Adapters;
import dev.graft.peft.Origin;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tokenizer.Tokenizer;
import dev.graft.train.Checkpoints;
import dev.graft.train.MetricsFile;
import dev.graft.train.ProcessMemory;
import dev.graft.train.Trainer;
import dev.graft.train.TrainingConfig;
import dev.graft.train.TrainingEvent;
import dev.graft.train.TrainingResult;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/// One run from recipe to report: load, measure, train, measure, write.
final class TrainingRun {
    private static final List<String> WITHOUT_EFFECT_ON_STEPS = List.of(
            "output_dir",
            "evaluation.",
            "training.logging_steps",
            "training.eval_steps",
            "training.save_",
            "data.allow");

    private final Recipe recipe;
    private final Console console;
    private final Optional<Path> scratch;
    private final Device device = Precisions.device();
    private final DType computeType;

    /// @param scratch folder for files that go with the run; empty for the run's own
    TrainingRun(Recipe recipe, Console console, Optional<Path> scratch) {
        this.recipe = recipe;
        this.console = console;
        this.scratch = scratch;
        this.computeType = Precisions.toCompute(recipe.training().dtype(), device);
    }

    /// @throws Faults.Interrupted when the user stopped it
    void run(boolean resume, boolean overwrite) {
        long began = System.nanoTime();
        Optional<Adapters> adapters = adapters();
        try (Tokenizer tokenizer = Templates.tokenizer(recipe)) {
            TrainingData data = TrainingData.of(recipe, tokenizer);
            LinearFactory factory = adapters.map(
                            a -> a.over(recipe.quantization().frozen(recipe.model())))
                    .orElseGet(LinearFactory::trainable);
            try (LanguageModel model = load(factory)) {
                requireVocabulary(model, tokenizer);
                RunDirectory directory = RunDirectory.prepare(recipe.outputDir(), resume, overwrite);
                new Stages(model, tokenizer, data, adapters, directory, began).run(resume);
            }
        }
    }

    private LanguageModel load(LinearFactory factory) {
        return switch (recipe.init()) {
            case PRETRAINED -> Architectures.load(recipe.model(), factory, device, computeType);
            case RANDOM -> Architectures.random(recipe.model(), factory, device, computeType, recipe.seed());
        };
    }

    private void requireVocabulary(LanguageModel model, Tokenizer tokenizer) {
        if (tokenizer.vocabularySize() > model.vocabularySize()) {
            throw new IllegalArgumentException(
                    "%s: the tokenizer has ids up to %d, the model's vocabulary %d; they are not of one model"
                            .formatted(recipe.model(), tokenizer.vocabularySize() - 1, model.vocabularySize()));
        }
        if (recipe.maxLength() > model.maxPositions()
                && recipe.data().maxLength().isPresent()) {
            throw new IllegalArgumentException("data.max_length is %d; this model was made for at most %d tokens"
                    .formatted(recipe.maxLength(), model.maxPositions()));
        }
    }

    private Optional<Adapters> adapters() {
        Recipe.Adapter adapter = recipe.adapter();
        if (adapter.type() == Recipe.AdapterType.NONE) {
            return Optional.empty();
        }
        return Optional.of(new Adapters(LoraSettings.of(adapter), recipe.seed()));
    }

    /// What a measurement of held-out rows found.
    record Measured(Optional<HeldOut> heldOut, Answers answers) {}

    /// The run itself, once everything it needs is loaded and found in order.
    private final class Stages {
        private final LanguageModel model;
        private final Tokenizer tokenizer;
        private final TrainingData data;
        private final Optional<Adapters> adapters;
        private final RunDirectory directory;
        private final long began;
        private final Origin.Base base;
        private final Batches batches;
        private final List<PackedBatch> heldOut;
        private final MetricsFile metrics;
        private final Checkpoints checkpoints;
        private long optimizerStateBytes;

        Stages(
                LanguageModel model,
                Tokenizer tokenizer,
                TrainingData data,
                Optional<Adapters> adapters,
                RunDirectory directory,
                long began) {
            int batchTokens = recipe.training().perDeviceBatchTokens();
            this.model = model;
            this.tokenizer = tokenizer;
            this.data = data;
            this.adapters = adapters;
            this.directory = directory;
            this.began = began;
            this.base = AdapterOrigin.base(
                    recipe.model(),
                    recipe.init() == Recipe.Init.PRETRAINED
                            ? Optional.of(WeightHash.of(recipe.model()))
                            : Optional.empty(),
                    Optional.of(tokenizer));
            this.batches = new Batches(data.train().examples(), batchTokens, recipe.seed());
            this.heldOut = data.heldOut()
                    .map(held -> new Batches(held.examples(), batchTokens, 0).inOrder())
                    .orElse(List.of());
            this.metrics =
                    new MetricsFile(directory.metrics(), recipe.training().loggingSteps());
            this.checkpoints = new Checkpoints(
                    directory.checkpoints(),
                    identity(),
                    (folder, step) -> saveAdapter(folder.resolve("adapter"), step));
        }

        void run(boolean resume) {
            if (resume) {
                checkpoints.requireSameRun(); // before anything of the run is changed
            }
            directory.writeRecipe(recipe);
            AtomicFiles.writeString(directory.dataReport(), Json.pretty(data.report()) + "\n");
            int steps = steps();
            introduce(steps);
            Measured before = measure("before", Optional.empty());
            TrainingResult result = train(steps, resume);
            console.keep();
            save(result.steps());
            Measured after = measure("after", result.heldOut());
            RunSummary summary = new RunSummary(
                    recipe,
                    model,
                    data,
                    before,
                    after,
                    result,
                    (System.nanoTime() - began) / 1e9,
                    computeType,
                    optimizerStateBytes);
            summary.write(directory);
            summary.print(console, directory, adapters.isPresent());
        }

        private int steps() {
            Recipe.Training training = recipe.training();
            return training.maxSteps()
                    .orElseGet(() -> Trainer.stepsFor(
                            batches, training.epochs().orElseThrow(), training.gradientAccumulationSteps()));
        }

        private void introduce(int steps) {
            long trainable = trainable();
            console.say("model     %s (%s, %,d parameters, %scomputed in %s on %s)"
                    .formatted(
                            Facts.path(recipe.model()),
                            model.config().modelType(),
                            model.totalParameters(),
                            recipe.quantization()
                                    .described()
                                    .map(q -> "linears in " + q + ", ")
                                    .orElse(""),
                            Precisions.name(computeType),
                            device));
            console.say("training  %s, %,d parameters (%.2f %%), %,d steps"
                    .formatted(
                            adapters.map(a -> LoraSettings.described(
                                            a.settings(), a.adapted().size()))
                                    .orElse("every weight"),
                            trainable,
                            100.0 * trainable / model.totalParameters(),
                            steps));
            data.files().forEach(file -> console.say("rows      " + file));
            console.say(String.format(
                    Locale.ROOT,
                    "data      %s; batches %.1f %% full",
                    data.train().summary(),
                    100 * data.fillRate()));
            data.heldOut().ifPresent(held -> console.say("held out  " + held.summary()));
            data.check()
                    .findings()
                    .forEach(finding -> console.say("check     %s: %s: %s"
                            .formatted(finding.rank(), finding.lint().label(), finding.sentence())));
        }

        private long trainable() {
            return model.parameters().stream()
                    .mapToLong(p -> p.master().elements())
                    .sum();
        }

        /// @param known the held-out numbers, when they are measured already
        private Measured measure(String when, Optional<HeldOut> known) {
            if (heldOut.isEmpty()) {
                return new Measured(Optional.empty(), new Answers(List.of()));
            }
            console.busy("evaluating %s training …".formatted(when));
            Tally tally = new Tally(console, "evaluating %s training".formatted(when), "batches", System::nanoTime);
            HeldOut loss = known.orElseGet(() -> HeldOut.of(model, heldOut, done -> tally.at(done, heldOut.size())));
            Answers answers = Answers.of(
                    model, tokenizer, data.questions(), recipe.evaluation().maxNewTokens());
            Measured measured = new Measured(Optional.of(loss), answers);
            console.clear();
            console.say("%-9s %s"
                    .formatted(
                            when, RunSummary.line(measured, recipe.evaluation().exactMatchRows())));
            return measured;
        }

        private TrainingResult train(int steps, boolean resume) {
            Recipe.Training training = recipe.training();
            Path folder = scratch.orElse(directory.path());
            AdamW optimizer = Optimizers.of(training, model.parameters(), folder);
            optimizerStateBytes = optimizer.stateBytes();
            console.say("optimizer " + Optimizers.described(training, optimizer, trainable(), folder));
            try (Trainer trainer = new Trainer(
                            config(steps),
                            model,
                            new CrossEntropy(),
                            optimizer,
                            schedule(steps),
                            batches,
                            heldOut,
                            Optional.of(checkpoints),
                            this::on);
                    Interruption interruption = new Interruption(trainer)) {
                TrainingResult result = resume ? resume(trainer) : trainer.run();
                if (result.interrupted()) {
                    throw interruption.stopped(stoppedAfter(result));
                }
                return result;
            }
        }

        private TrainingResult resume(Trainer trainer) {
            int step = checkpoints.latestStep();
            console.say(step == 0 ? "no checkpoint yet, starting from the beginning" : "going on after step " + step);
            metrics.rewindTo(step);
            return trainer.resume();
        }

        private String stoppedAfter(TrainingResult result) {
            console.keep();
            return "stopped after step %d; the checkpoint is %s. Go on with: --output %s --resume"
                    .formatted(
                            result.steps(),
                            Facts.path(directory.checkpoints().resolve("step-" + result.steps())),
                            Facts.path(directory.path()));
        }

        private TrainingConfig config(int steps) {
            Recipe.Training training = recipe.training();
            return TrainingConfig.ofSteps(steps)
                    .withMicroBatches(training.gradientAccumulationSteps())
                    .withMaxGradientNorm(training.maxGradNorm())
                    .withEvalSteps(training.evalSteps())
                    .withSaveSteps(training.saveSteps(), training.saveTotalLimit())
                    .withRecompute(training.recompute() == Recipe.Recompute.BLOCK)
                    .withSeed(recipe.seed());
        }

        private Schedule schedule(int steps) {
            Recipe.Training training = recipe.training();
            int warmup = (int) Math.ceil(steps * training.warmupRatio());
            return Schedule.named(
                    RecipeWriter.name(training.lrSchedulerType()), training.learningRate(), warmup, steps);
        }

        private void on(TrainingEvent event) {
            metrics.on(event);
            switch (event) {
                case TrainingEvent.Stepped s -> show(s);
                case TrainingEvent.Saved ignored -> {}
            }
        }

        private void show(TrainingEvent.Stepped s) {
            boolean logged = s.step() % recipe.training().loggingSteps() == 0 || s.step() == s.steps();
            console.progress(
                    new Progress(
                            s.step(),
                            s.steps(),
                            s.loss(),
                            s.learningRate(),
                            s.gradientNorm(),
                            s.tokensPerSecond(),
                            Duration.ofNanos((long) (s.seconds() * 1e9)),
                            ProcessMemory.peakResidentMegabytes().orElse(0)),
                    logged);
            s.heldOut()
                    .ifPresent(held -> console.say(String.format(
                            Locale.ROOT, "step %d/%d  held-out loss %.4f", s.step(), s.steps(), held.loss())));
        }

        /// What a run is, key by key, for a resume to compare: everything in the recipe that bears on a step.
        private Map<String, String> identity() {
            Map<String, String> identity = new LinkedHashMap<>();
            flatten("", RecipeWriter.tree(recipe), identity);
            identity.keySet().removeIf(key -> WITHOUT_EFFECT_ON_STEPS.stream().anyMatch(key::startsWith));
            identity.put("computed in", Precisions.name(computeType));
            identity.put("data hash", data.hash());
            base.weights().ifPresent(hash -> identity.put("base weights", hash));
            base.chatTemplate().ifPresent(hash -> identity.put("chat template", hash));
            return identity;
        }

        private static void flatten(String prefix, Map<?, ?> tree, Map<String, String> into) {
            tree.forEach((key, value) -> {
                if (value instanceof Map<?, ?> section) {
                    flatten(prefix + key + ".", section, into);
                } else {
                    into.put(prefix + key, String.valueOf(value));
                }
            });
        }

        private void saveAdapter(Path folder, int step) {
            adapters.ifPresent(a -> {
                a.save(folder, baseName());
                Map<String, Object> made = AdapterOrigin.now();
                made.put("seed", recipe.seed());
                made.put("step", step);
                made.put("data_sha256", data.hash());
                made.put("recipe", RecipeWriter.tree(recipe));
                new Origin(base, made).write(folder);
                template().ifPresent(template -> template.write(folder));
            });
        }

        /// What a template that is not the model's own needs to travel along.
        private Optional<TemplateFiles> template() {
            return recipe.data().chatTemplate().map(_ -> Templates.files(tokenizer));
        }

        private String baseName() {
            return recipe.model().toString();
        }

        private void save(int steps) {
            adapters.ifPresentOrElse(
                    _ -> AtomicFiles.directory(directory.adapter(), true, folder -> saveAdapter(folder, steps)),
                    this::saveModel);
        }

        private void saveModel() {
            Map<String, ModelDirectory.Weight> weights = new LinkedHashMap<>();
            DType type = Precisions.toSave(recipe.training().saveDtype()).orElseGet(this::storedType);
            model.parameters()
                    .forEach(p -> weights.put(
                            p.name(), new ModelDirectory.Weight(type, p.master().shape(), p::master)));
            // a run that was stopped while it measured has saved its model already
            ModelDirectory.replace(directory.model(), recipe.model(), weights, type, template());
        }

        /// What the model's files say they are stored in.
        private DType storedType() {
            String name = model.config()
                    .text("dtype")
                    .or(() -> model.config().text("torch_dtype"))
                    .orElse("float32");
            return switch (name) {
                case "bfloat16" -> DType.BF16;
                case "float16" -> DType.F16;
                default -> DType.F32;
            };
        }
    }
}
