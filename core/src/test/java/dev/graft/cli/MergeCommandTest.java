package dev.graft.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.format.Json;
import dev.graft.format.WeightFiles;
import dev.graft.format.WeightHash;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MergeCommandTest {
    @TempDir
    static Path models;

    private static Path model;
    private static Path adapter;

    @TempDir
    Path folder;

    @BeforeAll
    static void makeModel() {
        model = TinyModel.in(models);
        adapter = TinyModel.adapterIn(models, model);
    }

    @Test
    void mergedModelSaysWhatModelAndAdapterSay() {
        Path merged = folder.resolve("merged");
        Ran ran = Ran.graft("merge", model, adapter, "--output", merged);
        assertThat(ran.err()).isEmpty();
        assertThat(ran.exitCode()).isZero();
        assertThat(answer(merged))
                .isEqualTo(answer(model, "--adapter", adapter))
                .isNotEqualTo(answer(model));
    }

    private static String answer(Object model, Object... more) {
        Object[] command = {
            "generate", model, "--prompt", "hello", "--max-new-tokens", 8, "--dtype", "float32", "--json"
        };
        Object[] all = Arrays.copyOf(command, command.length + more.length);
        System.arraycopy(more, 0, all, command.length, more.length);
        return Ran.graft(all).json().path("token_ids").toString();
    }

    @Test
    void typeCanBeChosen() {
        Path merged = folder.resolve("merged");
        assertThat(Ran.graft("merge", model, adapter, "--output", merged, "--dtype", "bfloat16")
                        .exitCode())
                .isZero();
        try (WeightFiles files = WeightFiles.open(merged)) {
            assertThat(files.names())
                    .allMatch(name -> files.entry(name).dtypeName().equals("BF16"));
        }
        Ran wrong = Ran.graft("merge", model, adapter, "--output", folder.resolve("other"), "--dtype", "int4");
        assertThat(wrong.exitCode()).isEqualTo(2);
        assertThat(wrong.err()).contains("int4", "bfloat16");
    }

    @Test
    void nothingIsOverwritten() {
        Ran ran = Ran.graft("merge", model, adapter, "--output", folder);
        assertThat(ran.exitCode()).isEqualTo(1);
        assertThat(ran.err()).contains(folder.toString(), "exists already");
        assertThat(folder).isEmptyDirectory();
    }

    private JsonNode report(Path merged) {
        return Json.readObject(merged.resolve("merge_report.json"), "a merge report");
    }

    @Test
    void reportSaysWhatRoundingTookAndHowAlikeTheModelsAre() throws IOException {
        Path merged = folder.resolve("merged");
        Ran ran = Ran.graft("merge", model, adapter, "--output", merged, "--dtype", "bfloat16", "--max-kl", 1);
        assertThat(ran.err()).isEmpty();
        assertThat(ran.out()).contains("rounding", "KL", "perplexity", "texts that come with Graft");
        JsonNode report = report(merged);
        assertThat(report.path("passed").asBoolean()).isTrue();
        assertThat(report.path("layers")).hasSize(14);
        assertThat(report.path("rounding_error").asDouble()).isBetween(1e-4, 0.1);
        assertThat(report.path("unchanged_but_rounded").asInt()).isEqualTo(7);
        JsonNode probe = report.path("probe");
        assertThat(probe.path("mean_kl").asDouble())
                .isGreaterThan(0)
                .isLessThan(probe.path("max_kl").asDouble());
        assertThat(probe.path("top_1_agreement").asDouble()).isBetween(0.5, 1.0);
        assertThat(probe.path("perplexity").asDouble())
                .isCloseTo(probe.path("reference_perplexity").asDouble(), within(50.0));
        assertThat(Files.readString(merged.resolve("merge_report.txt")))
                .contains("model.layers.1.mlp.down_proj.weight", "‖ΔW‖");
    }

    @Test
    void inFloat32MergedAndAdaptedAreAlikeToTheLastDigits() {
        Path merged = folder.resolve("merged");
        assertThat(Ran.graft("merge", model, adapter, "--output", merged).exitCode())
                .isZero();
        assertThat(report(merged).path("probe").path("mean_kl").asDouble()).isLessThan(1e-6);
        assertThat(report(merged).path("probe").path("top_1_agreement").asDouble())
                .isGreaterThan(0.99);
    }

    @Test
    void beyondALimitNoModelIsLeftButTheReportIs() throws IOException {
        Path merged = folder.resolve("merged");
        Ran ran = Ran.graft(
                "merge",
                model,
                adapter,
                "--output",
                merged,
                "--dtype",
                "bfloat16",
                "--max-kl",
                0,
                "--max-rounding",
                1e-4);
        assertThat(ran.exitCode()).isEqualTo(1);
        assertThat(ran.err())
                .contains(
                        "was not written",
                        "rounding to BF16 moves model.layers.",
                        "mean KL",
                        "--dtype float32",
                        "--max-kl");
        assertThat(folder).isDirectoryContaining(path -> path.endsWith("merged.merge_report.json"));
        assertThat(merged).doesNotExist();
        JsonNode report = Json.readObject(folder.resolve("merged.merge_report.json"), "a merge report");
        assertThat(report.path("passed").asBoolean()).isFalse();
        assertThat(report.path("faults")).hasSize(2);
    }

    @Test
    void rowsOfOnesOwnAreComparedWhereTheyWouldBeLearnt() throws IOException {
        Path rows = Files.writeString(folder.resolve("rows.jsonl"), TrainRuns.rows(9));
        Path merged = folder.resolve("merged");
        Ran ran = Ran.graft("merge", model, adapter, "--output", merged, "--probe", rows, "--probe-rows", 4);
        assertThat(ran.err()).isEmpty();
        assertThat(ran.out()).contains("rows.jsonl, 4 rows");
        assertThat(Ran.graft("merge", model, adapter, "--output", folder.resolve("unprobed"), "--probe", "none")
                        .exitCode())
                .isZero();
        assertThat(report(folder.resolve("unprobed")).has("probe")).isFalse();
    }

    @Test
    void severalAdaptersAddUpByTheirWeights() {
        Path merged = folder.resolve("merged");
        Ran ran = Ran.graft("merge", model, adapter, adapter, "--weights", "0.25,0.75", "--output", merged);
        assertThat(ran.err()).isEmpty();
        Path once = folder.resolve("once");
        assertThat(Ran.graft("merge", model, adapter, "--output", once).exitCode())
                .isZero();
        assertThat(answer(merged)).isEqualTo(answer(once)).isNotEqualTo(answer(model));
        assertThat(report(merged).path("probe").path("mean_kl").asDouble()).isLessThan(1e-6);
    }

    @Test
    void sparseMethodsSayWhatTheyNeed() {
        Path merged = folder.resolve("merged");
        Ran ties = Ran.graft("merge", model, adapter, adapter, "--method", "ties", "--output", merged);
        assertThat(ties.exitCode()).isEqualTo(2);
        assertThat(ties.err()).contains("--density", "0.2");
        assertThat(Ran.graft("merge", model, adapter, "--density", 0.5, "--output", merged)
                        .err())
                .contains("--density means nothing to --method linear");
        assertThat(Ran.graft("merge", model, adapter, "--rank", 4, "--output", merged)
                        .err())
                .contains("--rank");
        assertThat(Ran.graft("merge", model, adapter, adapter, "--weights", "1", "--output", merged)
                        .err())
                .contains("1 number for 2 adapters");
        assertThat(Ran.graft("merge", model, adapter, "--method", "slerp", "--output", merged)
                        .err())
                .contains("linear | ties");
        Ran dare = Ran.graft(
                "merge", model, adapter, "--method", "dare_ties", "--density", 0.9, "--seed", 4, "--output", merged);
        assertThat(dare.err()).isEmpty();
        assertThat(report(merged).path("seed").asInt()).isEqualTo(4);
    }

    @Test
    void svdGivesAnAdapterOfTheRankAskedForWithItsResidual() {
        Path both = folder.resolve("both");
        Ran ran = Ran.graft("merge", model, adapter, adapter, "--weights", "2,-1", "--method", "svd", "--output", both);
        assertThat(ran.err()).isEmpty();
        assertThat(report(both).path("residual").asDouble()).isLessThan(1e-6); // 2 − 1 times an adapter of rank 2
        assertThat(answer(model, "--adapter", both)).isEqualTo(answer(model, "--adapter", adapter));
        Path thin = folder.resolve("thin");
        Ran cut = Ran.graft(
                "merge", model, adapter, "--method", "ties_svd", "--density", 0.5, "--rank", 1, "--output", thin);
        assertThat(cut.err()).isEmpty();
        assertThat(report(thin).path("residual").asDouble()).isBetween(0.1, 0.99);
        assertThat(Json.readObject(thin.resolve("adapter_config.json"), "settings")
                        .path("r")
                        .asInt())
                .isEqualTo(1);
        assertThat(thin.resolve("graft.json")).exists();
    }

    @Test
    void onlyAnEarlierMergeIsOverwritten() throws IOException {
        Path merged = folder.resolve("merged");
        assertThat(Ran.graft("merge", model, adapter, "--output", merged).exitCode())
                .isZero();
        assertThat(Ran.graft("merge", model, adapter, "--output", merged).err()).contains("--overwrite");
        assertThat(Ran.graft("merge", model, adapter, "--output", merged, "--overwrite", "--probe", "none")
                        .err())
                .isEmpty();
        assertThat(report(merged).has("probe")).isFalse();
        Path mine = Files.createDirectory(folder.resolve("mine"));
        assertThat(Ran.graft("merge", model, adapter, "--output", mine, "--overwrite")
                        .err())
                .contains("was not made by graft merge");
    }

    @Test
    void unmergeGivesTheBaseBack() {
        Path merged = folder.resolve("merged");
        assertThat(Ran.graft("merge", model, adapter, "--output", merged, "--keep-delta", "--dtype", "bfloat16")
                        .exitCode())
                .isZero();
        Path again = folder.resolve("again");
        Ran ran = Ran.graft("unmerge", merged, "--output", again);
        assertThat(ran.err()).isEmpty();
        assertThat(ran.out()).contains("bit for bit");
        assertThat(WeightHash.of(again)).isEqualTo(WeightHash.of(model));
        Ran needless = Ran.graft("unmerge", merged, adapter, "--output", folder.resolve("other"));
        assertThat(needless.exitCode()).isEqualTo(2);
    }

    @Test
    void withoutWhatWasKeptUnmergeSubtractsAndSaysHowFarOffThatIs() {
        Path merged = folder.resolve("merged");
        assertThat(Ran.graft("merge", model, adapter, "--output", merged).exitCode())
                .isZero();
        Ran alone = Ran.graft("unmerge", merged, "--output", folder.resolve("again"));
        assertThat(alone.exitCode()).isEqualTo(2);
        assertThat(alone.err()).contains("name the adapters");
        Ran ran = Ran.graft("unmerge", merged, adapter, "--output", folder.resolve("again"));
        assertThat(ran.err()).isEmpty();
        assertThat(ran.out()).contains("14 tensors", "expect them to be off by");
        assertThat(answer(folder.resolve("again"))).isEqualTo(answer(model));
    }

    @Test
    void ggufFileIsWhatIsComparedAndCarriesTheChange() {
        Path file = folder.resolve("merged.gguf");
        Ran ran = Ran.graft("merge", model, adapter, "--output", file, "--format", "gguf", "--max-kl", "1e-6");
        assertThat(ran.err()).isEmpty();
        assertThat(folder.toFile().list()).containsExactlyInAnyOrder("merged.gguf", "merged.gguf.merge_report.json");
        assertThat(answer(file)).isEqualTo(answer(model, "--adapter", adapter));
    }

    @Test
    void aGgufFileCanBeTheBase() {
        Path base = folder.resolve("base.gguf");
        assertThat(Ran.graft("export", model, "--type", "f32", "--output", base).err())
                .isEmpty();
        Path merged = folder.resolve("merged");
        Ran ran = Ran.graft("merge", base, adapter, "--output", merged);
        assertThat(ran.err()).isEmpty();
        assertThat(answer(merged)).isEqualTo(answer(model, "--adapter", adapter));
        assertThat(Ran.graft("merge", base, adapter, "--output", folder.resolve("other"), "--keep-delta")
                        .err())
                .contains("is a single file");
    }
}
