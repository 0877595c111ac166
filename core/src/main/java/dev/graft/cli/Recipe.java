package dev.graft.cli;

import dev.graft.cli.Sources.Source;
import dev.graft.data.check.Lint;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/// Everything a training run is told: what `recipe.yaml` and `--set` say, with every default filled in.
///
/// A recipe that exists is valid. Names are those of the file in camel case; [Key] holds defaults and
/// meanings.
///
/// {@snippet :
/// Recipe recipe = RecipeReader.read(Path.of("recipe.yaml"), List.of("training.learning_rate=1e-3"));
/// System.out.println(recipe.training().learningRate());   // 0.001
/// System.out.println(recipe.toYaml());                    // the whole recipe, as the run directory keeps it
/// }
public record Recipe(
        @Key(
                help =
                        "base model: folder with config.json, tokenizer.json, *.safetensors; or a .gguf or llama2.c .bin file")
        Path model,

        @Key(or = "pretrained", help = "start from the stored weights, or from random ones that need only config.json")
        Init init,

        @Key(help = "folder that receives the run; relative to the working directory", inWorkingDirectory = true)
        Path outputDir,

        @Key(or = "42", help = "seed of everything random: initial weights, dropout, order, split")
        long seed,

        @Key(or = "sft", help = "what is minimised: sft is cross-entropy of the labelled tokens")
        Objective objective,

        Quantization quantization,
        Adapter adapter,
        Data data,
        Training training,
        Evaluation evaluation) {

    public Recipe {
        require(
                adapter.type() != AdapterType.NONE || !quantization.packsAnything(),
                "adapter.type",
                "none",
                "lora where quantization.load_in_4bit, load_in_8bit or embedding_quant_type says so: quantised weights do not learn");
        LoraSettings.requireLoftqBits(adapter, quantization);
        int batch = training.perDeviceBatchTokens();
        data.maxLength()
                .ifPresent(length -> require(
                        length <= batch,
                        "data.max_length",
                        length,
                        "at most training.per_device_batch_tokens (%d), or the row would fit no batch"
                                .formatted(batch)));
    }

    /// The longest row in tokens: `data.max_length`, or what a batch holds.
    public int maxLength() {
        return data.maxLength().orElse(training.perDeviceBatchTokens());
    }

    /// This recipe with every key written out; reading it again gives an equal recipe.
    public String toYaml() {
        return RecipeWriter.yaml(this);
    }

    public enum Init {
        PRETRAINED,
        RANDOM
    }

    public enum Objective {
        SFT
    }

    /// What is trained: an adapter on a frozen model, or with `type: none` the model itself.
    public record Adapter(
            @Key(or = "lora", help = "none trains every weight of the model")
            AdapterType type,

            @Key(or = "16", name = "r", help = "rank of the two factors")
            int rank,

            @Key(or = "32", help = "the adapter's output is scaled by lora_alpha / r")
            double loraAlpha,

            @Key(or = "0.0", help = "probability with which an input of the adapter is dropped while training")
            double loraDropout,

            @Key(or = "all-linear", help = "all-linear, a list such as [q_proj, v_proj], or a regular expression")
            Modules targetModules,

            @Key(or = "[]", help = "modules left out again: a list or a regular expression")
            Modules excludeModules,

            @Key(or = "[]", help = "ends of names of matrices that are adapted, such as [mlp.experts.gate_up_proj]")
            List<String> targetParameters,

            @Key(or = "false", help = "scale by lora_alpha / sqrt(r) instead")
            boolean useRslora,

            @Key(or = "[]", help = "modules trained whole and saved with the adapter, such as [lm_head]")
            List<String> modulesToSave,

            @Key(
                    or = "true",
                    help =
                            "true (A uniform, B zero), gaussian, orthogonal, pissa, pissa_niter_N, olora, loftq (on a base quantised while loading), or false (both random)")
            String initLoraWeights,

            @Key(
                    or = "{}",
                    help = "of loftq: {loftq_bits: 4, loftq_iter: 1}; more iterations quantise the base anew each time")
            Map<String, Integer> loftqConfig,

            @Key(or = "false", help = "DoRA: learn the size of each row of a weight apart from its direction")
            boolean useDora,

            @Key(or = "none", help = "biases of the model that are trained: none, all, or those of adapted layers")
            Bias bias,

            @Key(or = "false", help = "B learns a bias beside its product")
            boolean loraBias,

            @Key(or = "{}", help = "other ranks by the end of a module's name, a regular expression: {down_proj: 4}")
            Map<String, Integer> rankPattern,

            @Key(or = "{}", help = "other values of lora_alpha, likewise")
            Map<String, Double> alphaPattern,

            @Key(or = "[]", help = "numbers of the layers that are adapted, with a list of target_modules; [] for all")
            List<Integer> layersToTransform,

            @Key(or = "[]", help = "names of the list of layers those numbers count, where the model has more than one")
            List<String> layersPattern,

            @Key(
                    or = "[]",
                    help = "tokens whose embedding is trained: a list, or lists by module such as {lm_head: [3]}")
            Tokens trainableTokenIndices,

            @Key(
                    or = "false",
                    help = "a head that shares the embedding goes on sharing it when modules_to_save trains it")
            boolean ensureWeightTying) {

        public Adapter {
            require(rank >= 1, "adapter.r", rank, "at least 1");
            require(loraAlpha > 0, "adapter.lora_alpha", loraAlpha, "above 0");
            require(loraDropout >= 0 && loraDropout < 1, "adapter.lora_dropout", loraDropout, "at least 0 and below 1");
            require(
                    LoraSettings.isInit(initLoraWeights),
                    "adapter.init_lora_weights",
                    initLoraWeights,
                    "one of " + LoraSettings.INITS);
            LoraSettings.requireLoftq(initLoraWeights, loftqConfig);
            require(
                    !targetModules.equals(new Modules.Named(List.of())) || !targetParameters.isEmpty(),
                    "adapter.target_modules",
                    "[]",
                    "all-linear, or name at least one module");
            targetParameters = List.copyOf(targetParameters);
            require(
                    !(excludeModules instanceof Modules.AllLinear),
                    "adapter.exclude_modules",
                    "all-linear",
                    "a list or a regular expression");
            modulesToSave = List.copyOf(modulesToSave);
            layersToTransform = List.copyOf(layersToTransform);
            layersPattern = List.copyOf(layersPattern);
        }
    }

    public enum AdapterType {
        LORA,
        NONE
    }

    public enum Bias {
        NONE,
        ALL,
        LORA_ONLY
    }

    /// Tokens whose rows are trained, as PEFT's `trainable_token_indices` names them.
    public sealed interface Tokens {
        /// Rows of the input embedding; none when empty.
        record OfEmbedding(List<Integer> tokens) implements Tokens {
            public OfEmbedding {
                tokens = List.copyOf(tokens);
            }
        }

        /// Rows of modules, by the end of their names.
        record ByModule(Map<String, List<Integer>> tokens) implements Tokens {
            public ByModule {
                tokens = new LinkedHashMap<>(tokens);
            }
        }
    }

    /// A choice of modules by name, as PEFT's `target_modules` makes it.
    public sealed interface Modules {
        /// Every linear layer but the output head.
        record AllLinear() implements Modules {}

        /// Modules whose name is one of these, or ends in a dot and one of these.
        record Named(List<String> names) implements Modules {
            public Named {
                names = List.copyOf(names);
            }
        }

        /// Modules whose full name this regular expression matches as a whole.
        record Matching(String regex) implements Modules {
            public Matching {
                if (regex.isBlank()) {
                    throw new IllegalArgumentException("a blank regular expression chooses no module");
                }
                try {
                    Pattern.compile(regex);
                } catch (PatternSyntaxException broken) {
                    throw new IllegalArgumentException("\"%s\" is not a regular expression: %s near position %d"
                            .formatted(regex, broken.getDescription(), broken.getIndex()));
                }
            }
        }
    }

    /// What is learnt from, and what is held out.
    public record Data(
            @Key(
                    help =
                            "file, folder or pattern of rows, or a list of them, each perhaps {path, weight, columns, shape}")
            Sources train,

            @Key(help = "held-out rows in files of their own, instead of eval_fraction")
            Optional<Sources> eval,

            @Key(or = "0.05", unless = "eval", help = "share of the training rows that is held out; 0 holds none out")
            OptionalDouble evalFraction,

            @Key(
                    or = "{}",
                    help = "columns by the names shapes give them, such as {prompt: question, completion: answer}")
            Map<String, String> columns,

            @Key(
                    or = "auto",
                    help =
                            "auto, or text, prompt_completion, messages, alpaca, sharegpt: what the columns of a row mean")
            String shape,

            @Key(
                    help =
                            "chat template instead of the model's own: alpaca, chatml, gemma, llama3, mistral, phi3, zephyr, or a .jinja file")
            Optional<Template> chatTemplate,

            @Key(or = "first_exhausted", help = "when the interleaving of sources with weights ends")
            StoppingStrategy stoppingStrategy,

            @Key(help = "longest row in tokens; without it, what a batch holds and the model was made for")
            OptionalInt maxLength,

            @Key(or = "error", help = "what to do with a longer row: stop, cut it, leave it out, or make several of it")
            Overlong overlong,

            @Key(
                    or = "completion",
                    help = "tokens that are learnt; completion is all the assistant says behind the prompt")
            TrainOn trainOn,

            @Key(or = "[]", help = "checks of the rows that may fail, such as [eval_leak]; see graft data check")
            List<String> allow) {

        public Data {
            columns = new LinkedHashMap<>(columns);
            allow = List.copyOf(allow);
            try {
                Lint.named(allow);
            } catch (IllegalArgumentException wrong) {
                throw new IllegalArgumentException("data.allow: " + wrong.getMessage(), wrong);
            }
            try {
                Sources.requireShape(shape);
                train.list().forEach(source -> source.input(Map.of(), "auto"));
            } catch (IllegalArgumentException wrong) {
                throw new IllegalArgumentException("data.shape " + wrong.getMessage(), wrong);
            }
            try {
                Source.of("").input(columns, "auto");
            } catch (IllegalArgumentException wrong) {
                throw new IllegalArgumentException("data." + wrong.getMessage(), wrong);
            }
            eval.ifPresent(sources -> require(
                    sources.list().stream().noneMatch(s -> s.weight().isPresent()),
                    "data.eval",
                    "a list with weights",
                    "without: every held-out row counts once"));
            exactlyOne("data.eval", eval.isPresent(), "data.eval_fraction", evalFraction.isPresent());
            evalFraction.ifPresent(
                    share -> require(share >= 0 && share < 1, "data.eval_fraction", share, "at least 0 and below 1"));
            maxLength.ifPresent(length -> require(length >= 2, "data.max_length", length, "at least 2"));
        }
    }

    /// A chat template that is not the model's own.
    public sealed interface Template {
        /// One that comes with Graft.
        record BuiltIn(String name) implements Template {}

        record File(Path path) implements Template {}
    }

    public enum Overlong {
        ERROR,
        TRUNCATE_START,
        TRUNCATE_END,
        DROP,
        SPLIT
    }

    public enum TrainOn {
        COMPLETION,
        ASSISTANT,
        LAST_ASSISTANT,
        ALL
    }

    public enum StoppingStrategy {
        FIRST_EXHAUSTED,
        ALL_EXHAUSTED
    }

    /// How the run spends its steps; a step is one update of the weights.
    public record Training(
            @Key(or = "1", unless = "max_steps", help = "passes over the training rows; may be a fraction")
            OptionalDouble epochs,

            @Key(help = "number of steps, instead of epochs")
            OptionalInt maxSteps,

            @Key(or = "2048", help = "tokens a packed micro-batch holds at most")
            int perDeviceBatchTokens,

            @Key(or = "1", help = "micro-batches a step adds up")
            int gradientAccumulationSteps,

            @Key(or = "2e-4", help = "learning rate at its peak")
            double learningRate,

            @Key(or = "cosine", help = "how it goes on after the warm-up; constant has none")
            Scheduler lrSchedulerType,

            @Key(or = "0.03", help = "share of the steps over which the learning rate rises from 0")
            double warmupRatio,

            @Key(
                    or = "adamw_torch",
                    help =
                            "AdamW with state in float32 or (8bit) in a quarter of that; paged keeps it in a mapped file, so that it may exceed RAM")
            Optim optim,

            @Key(or = "0.0", help = "AdamW's decoupled weight decay")
            double weightDecay,

            @Key(or = "0.9", help = "AdamW's decay of the mean of gradients")
            double adamBeta1,

            @Key(or = "0.999", help = "AdamW's decay of the mean of squared gradients")
            double adamBeta2,

            @Key(or = "1e-8", help = "AdamW's term against division by zero")
            double adamEpsilon,

            @Key(or = "1.0", help = "gradients are clipped to this L2 norm; 0 leaves them")
            double maxGradNorm,

            @Key(or = "10", help = "steps between two rows of metrics.jsonl")
            int loggingSteps,

            @Key(or = "0", help = "steps between two evaluations; 0 evaluates before and after only")
            int evalSteps,

            @Key(or = "0", help = "steps between two checkpoints; 0 writes one at the end only")
            int saveSteps,

            @Key(or = "2", help = "checkpoints kept, the latest ones; 0 keeps all")
            int saveTotalLimit,

            @Key(or = "auto", help = "type computed in; auto is bfloat16 where the machine is fast in it")
            Precision dtype,

            @Key(or = "auto", help = "type a fully trained model is saved in; auto is that of the files it came from")
            Precision saveDtype,

            @Key(
                    or = "none",
                    help = "block keeps only the input of each layer and computes it again: less memory, slower")
            Recompute recompute) {

        public Training {
            exactlyOne("training.epochs", epochs.isPresent(), "training.max_steps", maxSteps.isPresent());
            epochs.ifPresent(count -> require(count > 0, "training.epochs", count, "above 0"));
            maxSteps.ifPresent(count -> require(count >= 1, "training.max_steps", count, "at least 1"));
            require(perDeviceBatchTokens >= 2, "training.per_device_batch_tokens", perDeviceBatchTokens, "at least 2");
            require(
                    gradientAccumulationSteps >= 1,
                    "training.gradient_accumulation_steps",
                    gradientAccumulationSteps,
                    "at least 1");
            require(learningRate > 0, "training.learning_rate", learningRate, "above 0");
            require(warmupRatio >= 0 && warmupRatio <= 1, "training.warmup_ratio", warmupRatio, "between 0 and 1");
            require(weightDecay >= 0, "training.weight_decay", weightDecay, "at least 0");
            require(adamBeta1 >= 0 && adamBeta1 < 1, "training.adam_beta1", adamBeta1, "at least 0 and below 1");
            require(adamBeta2 >= 0 && adamBeta2 < 1, "training.adam_beta2", adamBeta2, "at least 0 and below 1");
            require(adamEpsilon > 0, "training.adam_epsilon", adamEpsilon, "above 0");
            require(maxGradNorm >= 0, "training.max_grad_norm", maxGradNorm, "at least 0");
            require(loggingSteps >= 1, "training.logging_steps", loggingSteps, "at least 1");
            require(evalSteps >= 0, "training.eval_steps", evalSteps, "at least 0");
            require(saveSteps >= 0, "training.save_steps", saveSteps, "at least 0");
            require(saveTotalLimit >= 0, "training.save_total_limit", saveTotalLimit, "at least 0");
        }
    }

    /// Names of Transformers' `optim`.
    public enum Optim {
        ADAMW_TORCH,
        ADAMW_8BIT,
        /// The same by its other name.
        ADAMW_BNB_8BIT,
        PAGED_ADAMW_8BIT,
        PAGED_ADAMW_32BIT
    }

    public enum Scheduler {
        CONSTANT,
        LINEAR,
        COSINE,
        CONSTANT_WITH_WARMUP
    }

    public enum Precision {
        AUTO,
        FLOAT32,
        BFLOAT16
    }

    public enum Recompute {
        NONE,
        BLOCK
    }

    /// What is shown of the model before and after.
    public record Evaluation(
            @Key(or = "5", help = "held-out prompts shown with the answers of base and trained model")
            int samples,

            @Key(or = "64", help = "tokens an answer may have")
            int maxNewTokens,

            @Key(or = "100", help = "held-out rows whose answers are compared with the expected ones")
            int exactMatchRows) {

        public Evaluation {
            require(samples >= 0, "evaluation.samples", samples, "at least 0");
            require(maxNewTokens >= 1, "evaluation.max_new_tokens", maxNewTokens, "at least 1");
            require(exactMatchRows >= 0, "evaluation.exact_match_rows", exactMatchRows, "at least 0");
        }
    }

    private static void require(boolean holds, String key, Object value, String expected) {
        if (!holds) {
            throw new IllegalArgumentException("%s is %s; it must be %s".formatted(key, value, expected));
        }
    }

    private static void exactlyOne(String one, boolean hasOne, String other, boolean hasOther) {
        if (hasOne == hasOther) {
            throw new IllegalArgumentException("%s and %s are %s given; they exclude each other, so give one of them"
                    .formatted(one, other, hasOne ? "both" : "both not"));
        }
    }
}
