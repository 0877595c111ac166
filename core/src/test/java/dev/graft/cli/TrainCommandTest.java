package dev.graft.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.graft.Models;
import dev.graft.data.DataHash;
import dev.graft.format.Json;
import dev.graft.format.WeightHash;
import dev.graft.model.LanguageModel;
import dev.graft.nn.LinearFactory;
import dev.graft.peft.Origin;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrainCommandTest {
    @TempDir
    static Path models;

    private static Path model;

    @TempDir
    Path folder;

    private Path recipe;
    private Path run;

    @BeforeAll
    static void makeModel() {
        model = TinyModel.in(models);
    }

    @BeforeEach
    void writeRecipe() throws IOException {
        Files.writeString(folder.resolve("rows.jsonl"), TrainRuns.rows(24));
        recipe = TrainRuns.recipe(folder, model);
        run = folder.resolve("run");
    }

    // ---------------------------------------------------------------- a whole run

    @Test
    void leavesEverythingTheRunPromised() throws IOException {
        Ran ran = Ran.graft("train", recipe);
        assertThat(ran.err()).isEmpty();
        assertThat(ran.exitCode()).isZero();
        assertThat(entries(run))
                .containsExactly(
                        "adapter",
                        "checkpoints",
                        "data_report.json",
                        "metrics.jsonl",
                        "recipe.yaml",
                        "report.html",
                        "report.json");
        assertThat(entries(run.resolve("checkpoints"))).containsExactly("step-4", "step-6");
        assertThat(entries(run.resolve("checkpoints/step-6/adapter")))
                .containsExactly("adapter_config.json", "adapter_model.safetensors", "graft.json");
        assertThat(entries(run.resolve("adapter")))
                .containsExactly("adapter_config.json", "adapter_model.safetensors", "graft.json");
        requireOrigin(run.resolve("checkpoints/step-4/adapter"), 4);
        requireOrigin(run.resolve("adapter"), 6);
        JsonNode report = Json.readObject(run.resolve("report.json"), "a report");
        for (String key : List.of(
                "eval_loss_before",
                "eval_loss_after",
                "exact_match_before",
                "exact_match_after",
                "trainable_parameters",
                "total_parameters",
                "seconds",
                "tokens_per_second")) {
            assertThat(report.path(key).isNumber()).as(key).isTrue();
        }
        assertThat(report.path("eval_loss_after").asDouble())
                .isLessThan(report.path("eval_loss_before").asDouble());
        // rank 2 on q, k, v, o, gate, up, down of two layers of width 16: 2 · 2 · (32 + 24 + 24 + 32 + 40 + 40 + 40)
        assertThat(report.path("trainable_parameters").asInt()).isEqualTo(928);
        assertThat(Files.readString(run.resolve("report.html")))
                .startsWith("<!")
                .contains("</html>");
        requireMetrics();
        assertThat(Files.readString(run.resolve("recipe.yaml"))).contains("learning_rate", model.toString());
    }

    @Test
    void pagedOptimizerLearnsTheSameAndLeavesNoFile() throws IOException {
        Ran.graft("train", recipe);
        byte[] adapter = Files.readAllBytes(run.resolve("adapter/adapter_model.safetensors"));
        Path scratch = folder.resolve("scratch");
        Ran ran = Ran.graft(
                "train", recipe, "--overwrite", "--tmp", scratch, "--set", "training.optim=paged_adamw_32bit");
        assertThat(ran.err()).isEmpty();
        // two float32 numbers for each of 928
        assertThat(Json.readObject(run.resolve("report.json"), "a report")
                        .path("optimizer_state_bytes")
                        .asInt())
                .isEqualTo(928 * 8);
        assertThat(Files.readAllBytes(run.resolve("adapter/adapter_model.safetensors")))
                .isEqualTo(adapter);
        assertThat(entries(scratch)).isEmpty();
    }

    @Test
    void adapterThatBeginsInTheWeightIsSavedAsAnOrdinaryOne() {
        Ran ran = Ran.graft("train", recipe, "--set", "adapter.init_lora_weights=pissa_niter_4");
        assertThat(ran.err()).isEmpty();
        JsonNode config = Json.readObject(run.resolve("adapter/adapter_config.json"), "a config");
        assertThat(config.path("r").asInt()).isEqualTo(4); // twice that of the recipe
        assertThat(config.path("lora_alpha").asInt()).isEqualTo(16);
        assertThat(config.path("init_lora_weights").asBoolean()).isTrue();
        Ran wrong = Ran.graft("train", recipe, "--overwrite", "--set", "adapter.init_lora_weights=pisa");
        assertThat(wrong.err()).contains("adapter.init_lora_weights is pisa", "pissa_niter_N");
    }

    @Test
    void unknownOptimizerIsRefusedWithTheKnownOnes() {
        Ran ran = Ran.graft("train", recipe, "--set", "training.optim=sgd");
        assertThat(ran.exitCode()).isEqualTo(1);
        assertThat(ran.err())
                .contains("adamw_torch | adamw_8bit | adamw_bnb_8bit | paged_adamw_8bit | paged_adamw_32bit");
    }

    @Test
    void saysWhatItWasFed() throws IOException {
        Files.writeString(
                folder.resolve("rows.jsonl"),
                TrainRuns.rows(22)
                        + "{\"prompt\": \"%s\", \"completion\": \" no\"}\n"
                                .formatted(UUID.randomUUID()) // not in the cache
                        + "{\"prompt\": \"x\", \"completion\": \"%s\", \"source\": \"web\"}\n"
                                .formatted("z ".repeat(60)));
        Ran ran = Ran.graft("train", recipe, "--set", "data.overlong=drop", "--set", "data.eval_fraction=0");
        assertThat(ran.err()).isEmpty();
        Path rows = folder.resolve("rows.jsonl");
        JsonNode report =
                Json.readObject(run.resolve("data_report.json"), "a report").path("train");
        assertThat(report.path("files").path(0).path("path").asText()).isEqualTo(rows.toString());
        assertThat(report.path("files").path(0).path("sha256").asText()).isEqualTo(DataHash.of(rows));
        assertThat(report.path("rows").asInt()).isEqualTo(24);
        assertThat(report.path("examples").asInt()).isEqualTo(23);
        assertThat(report.path("packing_fill_rate").asDouble()).isBetween(0.3, 1.0);
        assertThat(report.path("changed_rows").toString())
                .isEqualTo(("[{\"file\":\"%s\",\"row\":24,\"what\":\"dropped\",\"tokens\":%d,\"kept\":0,"
                                + "\"reason\":\"longer than max_length = 64\"}]")
                        .formatted(
                                rows,
                                report.path("changed_rows")
                                        .path(0)
                                        .path("tokens")
                                        .asInt()));
        assertThat(Files.readString(run.resolve("report.html"))).contains("1 rows dropped as too long");
        assertThat(report.path("files").path(0).path("token_cache").asText()).isEqualTo("miss");
        assertThat(Ran.graft("train", recipe, "--overwrite", "--set", "data.overlong=drop")
                        .exitCode())
                .isZero();
        assertThat(Files.readString(run.resolve("data_report.json")))
                .contains("\"token_cache\": \"hit\"", "\"held_out\"");
    }

    private void requireOrigin(Path adapter, int step) {
        Origin origin = Origin.read(adapter).orElseThrow();
        assertThat(origin.base().weights()).contains(WeightHash.of(model));
        assertThat(origin.base().tokenizer()).isPresent();
        assertThat(origin.base().chatTemplate()).isPresent();
        assertThat(origin.made()).containsEntry("step", step).containsKeys("graft", "created", "versions", "seed");
        assertThat(origin.made().get("data_sha256")).asString().hasSize(64);
        assertThat(origin.made().get("recipe")).asString().contains("adapter", "training");
    }

    private void requireMetrics() throws IOException {
        List<JsonNode> lines = new ArrayList<>();
        for (String line : Files.readAllLines(run.resolve("metrics.jsonl"))) {
            lines.add(new ObjectMapper().readTree(line));
        }
        List<JsonNode> steps = lines.stream().filter(line -> line.has("loss")).toList();
        assertThat(steps).extracting(line -> line.path("step").asInt()).containsExactly(1, 2, 3, 4, 5, 6);
        assertThat(steps)
                .allSatisfy(line -> assertThat(List.of("learning_rate", "grad_norm", "tokens_per_second"))
                        .allMatch(key -> line.path(key).isNumber()));
        assertThat(lines.stream().filter(line -> line.has("eval_loss")))
                .extracting(line -> line.path("step").asInt())
                .containsExactly(3, 6);
    }

    @Test
    void resolvedRecipeRepeatsTheRun() throws IOException {
        assertThat(Ran.graft("train", recipe).exitCode()).isZero();
        Path again = folder.resolve("again");
        Ran ran = Ran.graft("train", run.resolve("recipe.yaml"), "--output", again);
        assertThat(ran.err()).isEmpty();
        assertThat(again.resolve("adapter/adapter_model.safetensors"))
                .hasSameBinaryContentAs(run.resolve("adapter/adapter_model.safetensors"));
    }

    @Test
    void trainedAdapterWorksInTheOtherCommands() {
        assertThat(Ran.graft("train", recipe).exitCode()).isZero();
        Path adapter = run.resolve("adapter");
        assertThat(Ran.graft("generate", model, "--adapter", adapter, "--prompt", "hello", "--max-new-tokens", 3)
                        .exitCode())
                .isZero();
        assertThat(Ran.graft("merge", model, adapter, "--output", folder.resolve("merged"))
                        .exitCode())
                .isZero();
        try (LanguageModel merged = Models.load(folder.resolve("merged"), LinearFactory.frozen())) {
            assertThat(merged.parameters()).isEmpty();
        }
        assertThat(Ran.graft("inspect", run).exitCode()).isZero();
    }

    @Test
    void fullFineTuningLeavesAModel() throws IOException {
        Ran ran = Ran.graft("train", recipe, "--set", "adapter.type=none", "--set", "training.learning_rate=1e-3");
        assertThat(ran.err()).isEmpty();
        assertThat(entries(run)).contains("model").doesNotContain("adapter");
        assertThat(Ran.graft("generate", run.resolve("model"), "--prompt", "hello", "--max-new-tokens", 3)
                        .exitCode())
                .isZero();
    }

    // ---------------------------------------------------------------- going on

    @Test
    void finishedRunCanBeResumedAndStaysAsItWas() throws IOException {
        for (String type : List.of("lora", "none")) {
            Path output = folder.resolve(type);
            Object[] command = {"train", recipe, "--set", "adapter.type=" + type, "--output", output};
            assertThat(Ran.graft(command).exitCode()).isZero();
            Path weights = output.resolve(
                    type.equals("lora") ? "adapter/adapter_model.safetensors" : "model/model.safetensors");
            byte[] before = Files.readAllBytes(weights);
            Object[] resumed = Arrays.copyOf(command, command.length + 1);
            resumed[command.length] = "--resume";
            Ran ran = Ran.graft(resumed);
            assertThat(ran.err()).as(type).isEmpty();
            assertThat(ran.exitCode()).isZero();
            assertThat(Files.readAllBytes(weights)).isEqualTo(before);
        }
    }

    @Test
    void resumingOnOtherBaseWeightsIsRefused() throws IOException {
        Path own = TinyModel.in(folder);
        recipe = TrainRuns.recipe(folder, own);
        assertThat(Ran.graft("train", recipe).exitCode()).isZero();
        try (RandomAccessFile file =
                new RandomAccessFile(own.resolve("model.safetensors").toFile(), "rw")) {
            file.seek(file.length() - 1);
            file.write(0);
        }
        Ran ran = Ran.graft("train", recipe, "--resume");
        assertThat(ran.exitCode()).isEqualTo(1);
        assertThat(ran.err()).contains("belongs to another run", "base weights was ");
    }

    @Test
    void refusedResumeLeavesTheRunAsItIs() throws IOException {
        assertThat(Ran.graft("train", recipe).exitCode()).isZero();
        byte[] recipeBefore = Files.readAllBytes(run.resolve("recipe.yaml"));
        byte[] metricsBefore = Files.readAllBytes(run.resolve("metrics.jsonl"));
        Ran ran = Ran.graft("train", recipe, "--resume", "--set", "training.learning_rate=0.5");
        assertThat(ran.exitCode()).isEqualTo(1);
        assertThat(ran.err()).contains("another run", "training.learning_rate was 0.01 and is 0.5 now", "--output");
        assertThat(run.resolve("recipe.yaml")).hasBinaryContent(recipeBefore);
        assertThat(run.resolve("metrics.jsonl")).hasBinaryContent(metricsBefore);
    }

    @Test
    void thereMustBeARunToResume() {
        requireFault("--resume", "holds no run to resume", "leave --resume out");
    }

    // ---------------------------------------------------------------- the output folder

    @Test
    void folderWithSomethingInItIsNotTouched() throws IOException {
        Files.createDirectory(run);
        Files.writeString(run.resolve("notes.txt"), "mine");
        requireFault(null, run.toString(), "is not empty", "--output", "--resume", "--overwrite");
        requireFault("--overwrite", "is not a run", "deletes nothing");
        assertThat(entries(run)).containsExactly("notes.txt");
    }

    @Test
    void overwriteReplacesARunAndNothingElse() throws IOException {
        assertThat(Ran.graft("train", recipe).exitCode()).isZero();
        Files.writeString(run.resolve("notes.txt"), "mine");
        Files.delete(run.resolve("report.json"));
        Ran refused = Ran.graft("train", recipe);
        assertThat(refused.exitCode()).isEqualTo(1);
        Ran ran = Ran.graft("train", recipe, "--overwrite", "--set", "training.max_steps=3");
        assertThat(ran.err()).isEmpty();
        assertThat(entries(run)).contains("notes.txt", "report.json");
        assertThat(entries(run.resolve("checkpoints"))).containsExactly("step-2", "step-3");
    }

    @Test
    void folderThatCannotBeMadeIsASentence() throws IOException {
        Path file = Files.writeString(folder.resolve("file"), "");
        Ran inside = Ran.graft("train", recipe, "--output", file.resolve("run"));
        assertThat(inside.exitCode()).isEqualTo(1);
        assertThat(inside.err())
                .contains("cannot prepare output_dir", file.toString())
                .doesNotContain("bug in Graft");
        Ran itself = Ran.graft("train", recipe, "--output", file);
        assertThat(itself.exitCode()).isEqualTo(1);
        assertThat(itself.err()).contains("is a file; output_dir must be a folder");
    }

    // ---------------------------------------------------------------- rows

    @Test
    void brokenRowIsNamedByItsNumber() throws IOException {
        Files.writeString(folder.resolve("rows.jsonl"), TrainRuns.rows(3) + "{\"prompt\": \"x\", \"completion\n");
        requireFault(null, "rows.jsonl", "row 4", "not valid JSON");
        assertThat(run).doesNotExist();
    }

    @Test
    void rowThatFitsNoBatchIsNamed() throws IOException {
        Files.writeString(
                folder.resolve("rows.jsonl"),
                TrainRuns.rows(3) + "{\"prompt\": \"x\", \"completion\": \"%s\"}\n".formatted("z ".repeat(60)));
        requireFault("training.per_device_batch_tokens=50", "row 4", "50");
    }

    @Test
    void rowLongerThanTheModelWasMadeForIsNamed() throws IOException {
        Files.writeString(
                folder.resolve("rows.jsonl"),
                TrainRuns.rows(3) + "{\"prompt\": \"x\", \"completion\": \"%s\"}\n".formatted("z ".repeat(60)));
        requireFault(null, "row 4", "longer than max_length = " + TinyModel.CONTEXT, "truncate_end, split or drop");
        requireFault("data.max_length=128", "data.max_length is 128", "at most " + TinyModel.CONTEXT);
        Ran cut = Ran.graft("train", recipe, "--set", "data.max_length=64", "--set", "data.overlong=truncate_end");
        assertThat(cut.err()).isEmpty();
    }

    @Test
    void rowWithNothingToTrainOnIsNamed() throws IOException {
        Files.writeString(
                folder.resolve("rows.jsonl"),
                TrainRuns.rows(3) + "{\"messages\": [{\"role\": \"user\", \"content\": \"hello\"}]}\n");
        requireFault(null, "row 4");
    }

    // ---------------------------------------------------------------- the model and the recipe

    @Test
    void missingModelIsASentence() {
        requireFault("model=" + folder.resolve("nowhere"), "nowhere");
    }

    @Test
    void truncatedWeightsAreASentence() throws IOException {
        Path broken = Files.createDirectory(folder.resolve("broken"));
        try (Stream<Path> files = Files.list(model)) {
            for (Path file : files.toList()) {
                Files.copy(file, broken.resolve(file.getFileName()));
            }
        }
        Path weights = broken.resolve("model.safetensors");
        byte[] bytes = Files.readAllBytes(weights);
        Files.write(weights, Arrays.copyOf(bytes, bytes.length - 100));
        requireFault("model=" + broken, weights.toString(), "expected");
        assertThat(run).doesNotExist();
    }

    @Test
    void unknownKeyComesWithTheNearest() throws IOException {
        Files.writeString(recipe, Files.readString(recipe).replace("learning_rate", "learnin_rate"));
        requireFault(null, "training.learnin_rate", "did you mean training.learning_rate?");
    }

    @Test
    void targetsThatMatchNothingAreNamed() {
        requireFault("adapter.target_modules=[c_attn]", "c_attn", "q_proj");
    }

    @Test
    void badUsageIsExitCodeTwo() {
        assertThat(Ran.graft("train").exitCode()).isEqualTo(2);
        assertThat(Ran.graft("train", recipe, "--no-such-option").exitCode()).isEqualTo(2);
        Ran both = Ran.graft("train", recipe, "--resume", "--overwrite");
        assertThat(both.exitCode()).isEqualTo(2);
        assertThat(both.err()).contains("give one of them");
    }

    /// Runs the recipe with one more option (`--…`) or setting and expects exit code 1, these words and
    /// no stack trace.
    private void requireFault(String change, String... words) {
        List<Object> command = new ArrayList<>(List.of("train", recipe));
        if (change != null) {
            if (!change.startsWith("--")) {
                command.add("--set");
            }
            command.add(change);
        }
        Ran ran = Ran.graft(command.toArray());
        assertThat(ran.err()).contains(words).doesNotContain("bug in Graft").doesNotContain("\tat ");
        assertThat(ran.exitCode()).isEqualTo(1);
    }

    private static List<String> entries(Path folder) throws IOException {
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.map(path -> path.getFileName().toString()).sorted().toList();
        }
    }
}
