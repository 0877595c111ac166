package dev.graft.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.graft.cli.Recipe.Modules;
import dev.graft.cli.Sources.Source;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.stream.Stream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.NotBlank;
import net.jqwik.api.constraints.Scale;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.constraints.StringLength;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class RecipeTest {
    private static final Path FOLDER = Path.of("/recipes").toAbsolutePath();
    private static final String SMALLEST = """
            model: base
            output_dir: out
            data:
              train: rows.jsonl
            """;

    @Test
    void whatIsNotGivenTakesItsDefault() {
        Recipe recipe = read(SMALLEST);

        assertThat(recipe.seed()).isEqualTo(42);
        assertThat(recipe.adapter().targetModules()).isEqualTo(new Modules.AllLinear());
        assertThat(recipe.training().learningRate()).isEqualTo(2e-4);
        assertThat(recipe.training().epochs()).isEqualTo(OptionalDouble.of(1));
        assertThat(recipe.training().maxSteps()).isEmpty();
        assertThat(recipe.data().evalFraction()).isEqualTo(OptionalDouble.of(0.05));
        assertThat(recipe.maxLength()).isEqualTo(recipe.training().perDeviceBatchTokens());
    }

    @Test
    void pathsOfTheFileBelongToItsFolderAndTheOutputToTheWorkingDirectory() {
        Recipe recipe = read("""
                model: ../base
                output_dir: out
                data: {train: rows.jsonl, eval: /elsewhere/held-out.jsonl}
                """);

        assertThat(recipe.model()).isEqualTo(FOLDER.resolveSibling("base"));
        assertThat(recipe.data().train()).isEqualTo(source(FOLDER.resolve("rows.jsonl")));
        assertThat(recipe.data().eval())
                .contains(source(Path.of("/elsewhere/held-out.jsonl").toAbsolutePath()));
        assertThat(recipe.outputDir()).isEqualTo(Path.of("out").toAbsolutePath());
    }

    @Test
    void pathsOfAnOverrideBelongToTheWorkingDirectory() {
        assertThat(read(SMALLEST, "model=base").model())
                .isEqualTo(Path.of("base").toAbsolutePath());
    }

    @Test
    void overridesAreReadAsYamlAndWinOverTheFile() {
        Recipe recipe = read(
                SMALLEST + "training: {learning_rate: 1}\n",
                "training.learning_rate=5e-5",
                "adapter.target_modules=[q_proj, v_proj]",
                "adapter.modules_to_save=[lm_head]",
                "training.lr_scheduler_type=constant_with_warmup");

        assertThat(recipe.training().learningRate()).isEqualTo(5e-5);
        assertThat(recipe.adapter().targetModules()).isEqualTo(new Modules.Named(List.of("q_proj", "v_proj")));
        assertThat(recipe.adapter().modulesToSave()).containsExactly("lm_head");
        assertThat(recipe.training().lrSchedulerType()).isEqualTo(Recipe.Scheduler.CONSTANT_WITH_WARMUP);
    }

    @Test
    void anOverrideReplacesTheKeyThatExcludesIt() {
        Recipe recipe = read(SMALLEST + "training: {epochs: 3}\n", "training.max_steps=10");

        assertThat(recipe.training().maxSteps()).isEqualTo(OptionalInt.of(10));
        assertThat(recipe.training().epochs()).isEmpty();
    }

    @Test
    void aFileOfHeldOutRowsReplacesTheDefaultShare() {
        Recipe recipe = read(SMALLEST + "  eval: held-out.jsonl\n");

        assertThat(recipe.data().eval()).contains(source(FOLDER.resolve("held-out.jsonl")));
        assertThat(recipe.data().evalFraction()).isEmpty();
    }

    @Test
    void nullAndEmptySectionsMeanNotGiven() {
        Recipe recipe = read(SMALLEST + """
                  eval: null
                adapter:
                training:
                  epochs:
                  max_steps: ~
                """);

        assertThat(recipe).isEqualTo(read(SMALLEST));
    }

    @Test
    void theResolvedRecipeNamesEveryKey() {
        String yaml = read(SMALLEST).toYaml();

        assertThat(RecipeKey.ALL).hasSizeGreaterThan(40);
        assertThat(RecipeKey.ALL)
                .allSatisfy(key -> assertThat(yaml).containsPattern("(?m)^ *" + leaf(key.path()) + ":"));
        assertThat(yaml)
                .contains(
                        "learning_rate: 0.0002\n",
                        "lora_alpha: 32\n",
                        "target_modules: all-linear\n",
                        "init_lora_weights: true\n");
    }

    @Property(tries = 100)
    void theResolvedRecipeReadsBackAsTheSame(
            @ForAll @Size(min = 1, max = 3) List<@NotBlank @StringLength(max = 12) String> modules,
            @ForAll @DoubleRange(min = 1e-12, max = 10) @Scale(15) double rate,
            @ForAll @IntRange(min = 2, max = 5000) int length,
            @ForAll long seed) {
        Recipe base = read(SMALLEST);
        var adapter = base.adapter();
        Recipe recipe = new Recipe(
                base.model(),
                Recipe.Init.RANDOM,
                base.outputDir(),
                seed,
                base.objective(),
                Quantization.none(),
                new Recipe.Adapter(
                        Recipe.AdapterType.NONE,
                        3,
                        rate,
                        0.5,
                        new Modules.Named(modules),
                        new Modules.Matching(".*layers\\.[0-3]\\..*: #"),
                        modules,
                        true,
                        modules,
                        length % 2 == 0 ? "gaussian" : "orthogonal",
                        Map.of(),
                        true,
                        Recipe.Bias.LORA_ONLY,
                        true,
                        Map.of(modules.getFirst(), length),
                        Map.of(".*_proj", rate),
                        List.of(0, length),
                        modules,
                        length % 2 == 0
                                ? new Recipe.Tokens.OfEmbedding(List.of(length))
                                : new Recipe.Tokens.ByModule(Map.of(modules.getFirst(), List.of(1, 2))),
                        true),
                new Recipe.Data(
                        new Sources.Of(List.of(
                                Source.of(FOLDER.resolve("a b: c") + "/*.jsonl"),
                                new Source(
                                        FOLDER.resolve("b").toString(),
                                        OptionalDouble.empty(),
                                        Map.of("text", "a: b"),
                                        Optional.of("text")))),
                        Optional.of(source(FOLDER.resolve("true"))),
                        OptionalDouble.empty(),
                        Map.of("prompt", "yes"),
                        "prompt_completion",
                        Optional.of(new Recipe.Template.BuiltIn("zephyr")),
                        Recipe.StoppingStrategy.ALL_EXHAUSTED,
                        OptionalInt.of(Math.min(length, base.training().perDeviceBatchTokens())),
                        Recipe.Overlong.DROP,
                        Recipe.TrainOn.ALL,
                        List.of("eval_leak", "double_bos")),
                base.training(),
                base.evaluation());

        assertThat(adapter).isNotEqualTo(recipe.adapter());
        assertThat(RecipeReader.parse(recipe.toYaml(), "recipe.yaml", Path.of("/other"), List.of()))
                .isEqualTo(recipe);
    }

    @Test
    void sourcesMayHaveWeightsColumnsAndShapesOfTheirOwn() {
        Recipe recipe = read("""
                model: base
                output_dir: out
                data:
                  train:
                    - {path: a.jsonl, weight: 3}
                    - {path: b/*.csv, weight: 0.5, columns: {prompt: q, completion: a}, shape: prompt_completion}
                  columns: {text: body}
                """);
        assertThat(recipe.data().train().list())
                .containsExactly(
                        new Source(
                                FOLDER.resolve("a.jsonl").toString(), OptionalDouble.of(3), Map.of(), Optional.empty()),
                        new Source(
                                FOLDER + "/b/*.csv",
                                OptionalDouble.of(0.5),
                                Map.of("prompt", "q", "completion", "a"),
                                Optional.of("prompt_completion")));
        assertThat(recipe.data().columns()).isEqualTo(Map.of("text", "body"));
        assertThat(RecipeReader.parse(recipe.toYaml(), "recipe.yaml", Path.of("/other"), List.of()))
                .isEqualTo(recipe);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            data: {train: [a.jsonl, {path: b.jsonl, weight: 1}]} | data.train gives 1 of 2 sources a weight
            data: {train: [{path: b.jsonl, weight: 0}]} | the weight 0.0; it must be above 0
            data: {train: [{path: b.jsonl, weight: much}]} | data.train.weight must be a number; found "much"
            data: {train: [{paht: b.jsonl}]} | a source of data.train has no key paht; it has path, weight
            data: {train: [{weight: 1}]} | data.train must be a path, or a list of paths
            data: {train: []} | data.train names no file
            data: {train: a, columns: [b]} | data.columns must be a section such as
            data: {train: a, columns: {answer: b}} | data.columns gives "answer" a new place; expected one of
            data: {train: a, shape: chatml} | data.shape gives rows the shape chatml; it must be auto, text
            data: {train: a, eval: [{path: b, weight: 1}]} | data.eval is a list with weights
            """)
    void faultySourcesAreNamed(String data, String words) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> read("model: base\noutput_dir: out\n" + data + "\n"))
                .withMessageContaining("recipe.yaml:3:")
                .withMessageContaining(words);
    }

    private static Sources source(Path path) {
        return new Sources.Of(List.of(Source.of(path.toString())));
    }

    @Test
    void readsAFile(@TempDir Path folder) throws IOException {
        Path file = Files.writeString(folder.resolve("recipe.yaml"), SMALLEST);

        assertThat(RecipeReader.read(file, List.of()).model())
                .isEqualTo(folder.toAbsolutePath().normalize().resolve("base"));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> RecipeReader.read(folder.resolve("missing.yaml"), List.of()))
                .withMessageContaining("missing.yaml does not exist");
    }

    static Stream<Arguments> faults() {
        return Stream.of(
                // a mistyped key
                fault("seeed: 1\n", "recipe.yaml:5:1: there is no key seeed; did you mean seed?"),
                fault("training:\n  lerning_rate: 1\n", "recipe.yaml:6:3", "did you mean training.learning_rate?"),
                fault("training:\n  num_train_epochs: 1\n", "did you mean training.epochs?"),
                fault("adapter: {alpha: 1}\n", "did you mean adapter.lora_alpha?"),
                fault("learning_rate: 1\n", "did you mean training.learning_rate?"),
                fault("evaluation: {zzzzzzzz: 1}\n", "evaluation has samples, max_new_tokens, exact_match_rows"),
                fault("zzzzzzzz: 1\n", "a recipe has model, init, output_dir"),
                // a value of another type
                fault("seed: often\n", "recipe.yaml:5:7: seed must be a whole number", "found \"often\""),
                fault("training: {learning_rate: fast}\n", "recipe.yaml:5:27", "must be a number; found \"fast\""),
                fault("training: {learning_rate: .nan}\n", "must be a number; found \".nan\""),
                fault("training: {max_steps: 99999999999}\n", "must be a smaller whole number"),
                fault("training: {max_steps: 1.5}\n", "must be a whole number; found \"1.5\""),
                fault("training: {lr_scheduler_type: cosin}\n", "one of constant | linear | cosine"),
                fault("adapter: {use_rslora: yes}\n", "must be true or false; found \"yes\""),
                fault("adapter: {modules_to_save: lm_head}\n", "must be a list such as", "found \"lm_head\""),
                fault("adapter: {r: [1, 2]}\n", "must be a whole number; found the list [\"1\", \"2\"]"),
                fault("adapter: {target_modules: '*.q'}\n", "adapter.target_modules", "not a regular expression"),
                fault("adapter: lora\n", "adapter is a section with the keys type, r, lora_alpha", "found \"lora\""),
                // a value out of range
                fault("adapter:\n  r: 0\n", "recipe.yaml:6:6: adapter.r is 0; it must be at least 1"),
                fault(
                        "adapter: {target_modules: []}\n",
                        "adapter.target_modules is []; it must be all-linear, or name"),
                fault("training: {learning_rate: -1}\n", "training.learning_rate is -1.0; it must be above 0"),
                fault("training: {per_device_batch_tokens: 1}\n", "it must be at least 2"),
                fault("training: {epochs: 1, max_steps: 2}\n", "training.epochs and training.max_steps are both given"),
                // quantization
                fault("quantization: {load_in_4bits: true}\n", "did you mean quantization.load_in_4bit?"),
                fault(
                        "quantization: {load_in_4bit: true, load_in_8bit: true}\n",
                        "quantization.load_in_4bit and quantization.load_in_8bit are both true"),
                fault("quantization: {bnb_4bit_quant_type: nf4}\n", "but load_in_4bit is false"),
                fault(
                        "quantization: {llm_int8_threshold: 3}\n",
                        "llm_int8_threshold is 3.0, but load_in_8bit is false"),
                fault("quantization: {llm_int8_skip_modules: [lm_head]}\n", "neither load_in_4bit nor load_in_8bit"),
                fault("quantization: {embedding_quant_type: int4}\n", "one of none | int8 | nf4"),
                fault(
                        "quantization: {embedding_quant_type: int8}\nadapter: {type: none}\n",
                        "quantised weights do not learn"),
                fault("quantization: {load_in_8bit: true, llm_int8_threshold: -1}\n", "it must be 0 or more"),
                fault(
                        "adapter: {loftq_config: {loftq_iter: 2}}\n",
                        "init_lora_weights is true; it goes with loftq only"),
                fault(
                        "adapter: {init_lora_weights: loftq, loftq_config: {loftq_iters: 2}}\n",
                        "no key \"loftq_iters\"; it has loftq_bits and loftq_iter"),
                fault(
                        "adapter: {init_lora_weights: loftq, loftq_config: {loftq_bits: 2}}\n",
                        "expected loftq_bits 4 or 8"),
                fault(
                        "quantization: {load_in_4bit: true}\nadapter: {init_lora_weights: loftq, loftq_config: {loftq_iter: 2}}\n",
                        "4 bits need quantization: {load_in_4bit: true, bnb_4bit_quant_type: nf4}"),
                fault(
                        "quantization: {load_in_4bit: true, bnb_4bit_quant_type: int4}\n",
                        "one of fp4 | nf4",
                        "\"int4\""),
                fault(
                        "quantization: {load_in_4bit: true, bnb_4bit_compute_dtype: float16}\n",
                        "one of auto | float32 | bfloat16"),
                fault(
                        "quantization: {load_in_4bit: true, bnb_4bit_quant_storage: bfloat16}\n",
                        "bnb_4bit_quant_storage",
                        "uint8"),
                fault(
                        "quantization: {load_in_4bit: true}\nadapter: {type: none}\n",
                        "adapter.type is none",
                        "quantised weights do not learn"),
                // not the YAML of a recipe
                fault("seed: 1\nseed: 2\n", "recipe.yaml:6:1: the key seed was already given at recipe.yaml:5:1"),
                fault("seed: [1\n", "recipe.yaml:5:9: this is not valid YAML"),
                fault("seed: &a 1\ntraining: {max_steps: *a}\n", "aliases (*a) are not supported"),
                fault("---\nseed: 1\n", "a second document"));
    }

    @ParameterizedTest
    @MethodSource("faults")
    void aFaultIsNamedWithItsPlaceAndTheWayOut(String added, List<String> expected) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> read(SMALLEST + added))
                .satisfies(refused -> assertThat(refused.getMessage()).contains(expected));
    }

    static Stream<Arguments> faultyOverrides() {
        return Stream.of(
                fault(
                        "training.learning_rat=1",
                        "--set training.learning_rat=1",
                        "did you mean training.learning_rate?"),
                fault("training.learning_rate", "it must be key=value"),
                fault("training.learning_rate=fast", "--set training.learning_rate: ", "must be a number"),
                fault("training.learning_rate=0", "--set training.learning_rate: ", "it must be above 0"),
                fault("adapter=none", "adapter is a section; set one of its keys: type, r"),
                fault("seed=[1", "--set seed: this is not valid YAML"));
    }

    @ParameterizedTest
    @MethodSource("faultyOverrides")
    void aFaultyOverrideIsNamedAsTyped(String override, List<String> expected) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> read(SMALLEST, override))
                .satisfies(refused -> assertThat(refused.getMessage()).contains(expected));
    }

    @Test
    void allFaultsAreNamedAtOnce() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> read(SMALLEST + "seeed: 1\ntraining: {max_stops: 1}\n"))
                .withMessageContainingAll("recipe.yaml has 2 faults", "seeed", "training.max_stops");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> read(SMALLEST + "seed: x\nadapter: {r: y}\n"))
                .withMessageContainingAll("recipe.yaml has 2 faults", "seed must", "adapter.r must");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> read(""))
                .withMessageContainingAll("model is missing", "output_dir is missing", "data.train is missing");
    }

    @Test
    void aRowLongerThanABatchIsRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> read(SMALLEST + "  max_length: 4096\n"))
                .withMessageContainingAll(
                        "recipe.yaml:5:15: data.max_length is 4096", "per_device_batch_tokens (2048)");
    }

    @Test
    void theTableOfKeysShowsEachWithDefaultAndMeaning() {
        String table = RecipeHelp.table(120);

        assertThat(table.lines()).allSatisfy(line -> assertThat(line).hasSizeLessThanOrEqualTo(120));
        assertThat(table).containsPattern("\ntraining:\n").containsPattern("  learning_rate +2e-4 +learning rate");
        assertThat(table).containsPattern("(?m)^model +required ");
        assertThat(RecipeKey.ALL).allSatisfy(key -> assertThat(table).contains(leaf(key.path())));
    }

    private static Arguments fault(String added, String... expected) {
        return Arguments.of(added, List.of(expected));
    }

    private static String leaf(String path) {
        return path.substring(path.lastIndexOf('.') + 1);
    }

    private static Recipe read(String yaml, String... overrides) {
        return RecipeReader.parse(yaml, "recipe.yaml", FOLDER, List.of(overrides));
    }

    @Test
    void matricesThatAreNoModulesMayBeTheOnlyTargets() {
        Recipe recipe = read(SMALLEST + """
                adapter: {target_modules: [], target_parameters: [mlp.experts.gate_up_proj]}
                """);
        assertThat(LoraSettings.of(recipe.adapter()).selection().parameters())
                .containsExactly("mlp.experts.gate_up_proj");
        org.assertj.core.api.Assertions.assertThatThrownBy(() -> read(SMALLEST + "adapter: {target_modules: []}\n"))
                .hasMessageContaining("adapter.target_modules");
    }
}
