package dev.graft.export;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.graft.Goldens;
import dev.graft.Models;
import dev.graft.format.AtomicFiles;
import dev.graft.format.WeightFiles;
import dev.graft.model.ModelSource;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Merged weights beside PEFT's (`scripts/goldens_merge.py`).
class MergedLikePeftTest {
    private static final Path LORA = Goldens.path("train/lora/adapter-final");
    private static final Path RSLORA = Goldens.path("train/rslora/adapter-final");

    @TempDir
    Path folder;

    private static float[] floats(ModelSource files, String name) {
        try (Scope scope = Scope.open()) {
            return files.stored(name).toFloats();
        }
    }

    private static float[] golden(String key) {
        try (WeightFiles files = WeightFiles.openFile(Goldens.path("merge/merged.safetensors"));
                Scope scope = Scope.open()) {
            DType type = files.entry(key).dtype().orElseThrow();
            Tensor values = Tensor.empty(type, Device.cpu(), files.entry(key).shape());
            values.memory().copyFrom(files.data(key));
            return values.toFloats();
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"dora", "patterns", "bias_all", "lora_bias", "embeddings", "embeddings_dora", "saved", "tokens"})
    void everyKindOfChangeGivesWhatMergeAndUnloadGives(String run) {
        Path base = Goldens.path(
                Goldens.json("merge/merge.json").path("bases").path(run).asText());
        Path output = folder.resolve("merged");
        MergeReport report = Merge.run(base, Goldens.path("peft/" + run + "/adapter-final"), output, Optional.empty());
        assertThat(report.roundingError()).isLessThan(1e-5);
        int compared = 0;
        try (WeightFiles expected = WeightFiles.openFile(Goldens.path("merge/merged.safetensors"));
                ModelSource merged = ModelSource.open(output);
                ModelSource before = ModelSource.open(base)) {
            for (String key : expected.names()) {
                if (key.startsWith(run + "|")) {
                    String tensor = key.substring(run.length() + 1);
                    assertThat(floats(merged, tensor)).as(key).containsExactly(golden(key), within(2e-6f));
                    assertThat(floats(merged, tensor)).as(key + " is changed").isNotEqualTo(floats(before, tensor));
                    compared++;
                }
            }
        }
        assertThat(compared).isPositive();
    }

    @Test
    void inBfloat16TheSumIsRoundedOnceAsPeftDoesIt() {
        Path base = folder.resolve("base");
        halved(base);
        Path output = folder.resolve("merged");
        Merge.run(base, LORA, output, Optional.empty());
        Path exact = folder.resolve("exact-of-halved");
        Merge.run(base, LORA, exact, Optional.of(DType.F32));
        try (ModelSource merged = ModelSource.open(output);
                ModelSource sums = ModelSource.open(exact);
                Scope scope = Scope.open()) {
            for (String tensor :
                    List.of("model.layers.0.self_attn.q_proj.weight", "model.layers.2.mlp.down_proj.weight")) {
                assertThat(merged.entry(tensor).dtypeName()).isEqualTo("BF16");
                assertThat(floats(merged, tensor))
                        .containsExactly(
                                Tensor.of(floats(sums, tensor)).to(DType.BF16).toFloats())
                        .containsExactly(golden("bfloat16|" + tensor));
            }
        }
    }

    /// The base in bfloat16: nothing but a merge of nothing.
    private static void halved(Path output) {
        MergeSettings nothing = MergeSettings.linear(List.of(0.0), Optional.of(DType.BF16));
        try (Merge merge = Merge.open(Models.TINY, List.of(LORA), nothing)) {
            AtomicFiles.directory(output, merge::write);
        }
    }

    /// PEFT's formulas, given true changes instead of factors.
    @ParameterizedTest
    @CsvSource({"LINEAR, TOTAL, linear", "TIES, TOTAL, ties_total", "TIES, FREQUENCY, ties_frequency"})
    void combinationsAreThoseOfTheTrueChanges(MergeMethod method, MergeMethod.Signs signs, String run) {
        MergeSettings settings = new MergeSettings(
                method, List.of(0.7, -0.4), method == MergeMethod.TIES ? 0.3 : 1, signs, 0, Optional.empty());
        Path output = folder.resolve("merged");
        try (Merge merge = Merge.open(Models.TINY, List.of(LORA, RSLORA), settings)) {
            AtomicFiles.directory(output, merge::write);
        }
        try (ModelSource merged = ModelSource.open(output);
                ModelSource base = ModelSource.open(Models.TINY);
                Scope scope = Scope.open()) {
            for (String tensor :
                    List.of("model.layers.0.self_attn.q_proj.weight", "model.layers.1.self_attn.v_proj.weight")) {
                Tensor change = Tensor.of(floats(merged, tensor)).sub(Tensor.of(floats(base, tensor)));
                assertThat(change.toFloats()).as(tensor).containsExactly(golden(run + "|" + tensor), within(2e-6f));
            }
            // only the first changes this one
            String alone = "model.layers.0.mlp.up_proj.weight";
            assertThat(floats(merged, alone)).isNotEqualTo(floats(base, alone));
        }
    }
}
