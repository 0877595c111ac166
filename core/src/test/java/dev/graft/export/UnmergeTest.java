package dev.graft.export;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.graft.Goldens;
import dev.graft.Models;
import dev.graft.format.AtomicFiles;
import dev.graft.format.FormatException;
import dev.graft.format.WeightHash;
import dev.graft.model.ModelSource;
import dev.graft.tensor.DType;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class UnmergeTest {
    private static final Path LORA = Goldens.path("train/lora/adapter-final");

    @TempDir
    Path folder;

    private Path base(DType type) {
        Path base = folder.resolve("base");
        write(Models.TINY, LORA, MergeSettings.linear(List.of(0.0), Optional.of(type)), base, false);
        return base;
    }

    private static void write(Path base, Path adapter, MergeSettings settings, Path output, boolean keep) {
        try (Merge merge = Merge.open(base, List.of(adapter), settings)) {
            AtomicFiles.directory(output, into -> {
                if (keep) {
                    merge.writeWithDelta(into);
                } else {
                    merge.write(into);
                }
            });
        }
    }

    @ParameterizedTest
    @CsvSource({"BF16, BF16", "F16, F16", "F32, F32", "F32, BF16", "BF16, F32", "F16, BF16", "F32, F16"})
    void theBaseComesBackBitForBit(DType stored, DType saved) {
        Path base = base(stored);
        Path merged = folder.resolve("merged");
        write(base, LORA, MergeSettings.plain(Optional.of(saved)), merged, true);
        assertThat(WeightHash.of(merged)).isNotEqualTo(WeightHash.of(base));
        Path again = folder.resolve("again");
        Unmerge.exactly(merged, again);
        assertThat(WeightHash.of(again)).isEqualTo(WeightHash.of(base));
        assertThat(again.resolve("config.json")).hasSameTextualContentAs(base.resolve("config.json"));
        assertThat(again.resolve("unmerge.zip")).doesNotExist();
    }

    @ParameterizedTest
    @CsvSource({"dora", "embeddings", "saved", "tied_head", "saved_tied", "tokens_tied", "bias_all"})
    void alsoWhereNoArithmeticCouldUndoIt(String run) {
        Path base = Goldens.path(Goldens.json("peft/runs.json")
                .path("runs")
                .path(run)
                .path("base")
                .asText());
        Path merged = folder.resolve("merged");
        write(
                base,
                Goldens.path("peft/" + run + "/adapter-final"),
                MergeSettings.plain(Optional.of(DType.BF16)),
                merged,
                true);
        Unmerge.exactly(merged, folder.resolve("again"));
        assertThat(WeightHash.of(folder.resolve("again"))).isEqualTo(WeightHash.of(base));
    }

    @Test
    void mergedWeightsThatWereChangedSinceAreNoticed() throws IOException {
        Path merged = folder.resolve("merged");
        write(base(DType.BF16), LORA, MergeSettings.plain(Optional.empty()), merged, true);
        try (RandomAccessFile file =
                new RandomAccessFile(merged.resolve("model.safetensors").toFile(), "rw")) {
            file.seek(file.length() - 2);
            file.write(file.read() ^ 1);
        }
        assertThatThrownBy(() -> Unmerge.exactly(merged, folder.resolve("again")))
                .isInstanceOf(FormatException.class)
                .hasMessageContaining("hash");
        assertThat(folder.resolve("again")).doesNotExist();
    }

    @ParameterizedTest
    @CsvSource({"BF16", "F16", "F32"})
    void subtractingLeavesAboutTheErrorItForetells(DType type) {
        Path base = base(type);
        Path merged = folder.resolve("merged");
        MergeSettings half = MergeSettings.linear(List.of(0.5), Optional.empty());
        write(base, LORA, half, merged, false);
        Path again = folder.resolve("again");
        Unmerge.Report report = Unmerge.bySubtraction(merged, List.of(LORA), List.of(0.5), again);
        double lost = 0;
        double wanted = 0;
        try (ModelSource before = ModelSource.open(base);
                ModelSource middle = ModelSource.open(merged);
                ModelSource after = ModelSource.open(again)) {
            for (String name : before.names()) {
                try (Scope scope = Scope.open()) {
                    Tensor original = stored(before, name);
                    lost += Math.pow(stored(after, name).sub(original).norm(), 2);
                    wanted += Math.pow(stored(middle, name).sub(original).norm(), 2);
                }
            }
        }
        assertThat(report.changed()).isEqualTo(21);
        assertThat(Math.sqrt(lost / wanted)).isBetween(0.5 * report.expectedError(), 1.5 * report.expectedError());
    }

    private static Tensor stored(ModelSource files, String name) {
        return files.stored(name).to(DType.F32);
    }

    @Test
    void whatWasReplacedCannotBeSubtracted() {
        Path adapter = Goldens.path("peft/saved/adapter-final");
        Path base = Goldens.path(Goldens.json("peft/runs.json")
                .path("runs")
                .path("saved")
                .path("base")
                .asText());
        Path merged = folder.resolve("merged");
        write(base, adapter, MergeSettings.plain(Optional.empty()), merged, false);
        assertThatThrownBy(() -> Unmerge.bySubtraction(merged, List.of(adapter), List.of(1.0), folder.resolve("again")))
                .hasMessageContaining("lm_head.weight")
                .hasMessageContaining("--keep-delta");
    }
}
