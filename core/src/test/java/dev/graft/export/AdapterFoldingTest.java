package dev.graft.export;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.graft.Goldens;
import dev.graft.Models;
import dev.graft.model.ModelSource;
import dev.graft.tensor.Scope;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AdapterFoldingTest {
    @TempDir
    Path folder;

    private Path base(String run) {
        return Goldens.path(Goldens.json("peft/runs.json")
                .path("runs")
                .path(run)
                .path("base")
                .asText());
    }

    /// Through the factors (plain), through the whole matrix (DoRA), and where matrices lie the other
    /// way round.
    @ParameterizedTest
    @CsvSource({
        "llama-tiny, train/lora/adapter-final, 4",
        "base-bias, peft/dora/adapter-final, 48",
        "llama-tiny, peft/embeddings/adapter-final, 8",
        "gpt2-tiny, gpt2-tiny/adapter-all, 8"
    })
    void anAdapterOfEnoughRankMergesToTheSameWeights(String model, String from, int rank) throws Exception {
        Path base = Goldens.path(model);
        Path adapter = Goldens.path(from);
        Path folded = Files.createDirectory(folder.resolve("folded"));
        try (Merge merge = Merge.open(base, List.of(adapter), MergeSettings.plain(Optional.empty()))) {
            FoldReport report = merge.fold(folded, Optional.of(rank), model);
            assertThat(report.residual()).isLessThan(1e-5);
            assertThat(report.layers()).isNotEmpty();
        }
        Merge.run(base, adapter, folder.resolve("one"), Optional.empty());
        Merge.run(base, folded, folder.resolve("other"), Optional.empty());
        try (ModelSource one = ModelSource.open(folder.resolve("one"));
                ModelSource other = ModelSource.open(folder.resolve("other"))) {
            for (String name : one.names()) {
                try (Scope scope = Scope.open()) {
                    assertThat(other.stored(name).toFloats())
                            .as(name)
                            .containsExactly(one.stored(name).toFloats(), within(1e-5f));
                }
            }
        }
    }

    @Test
    void whatIsTrainedWholeFitsInNoRank() {
        Path adapter = Goldens.path("peft/saved/adapter-final");
        try (Merge merge = Merge.open(base("saved"), List.of(adapter), MergeSettings.plain(Optional.empty()))) {
            assertThatThrownBy(() -> merge.fold(folder, Optional.empty(), "base"))
                    .hasMessageContaining("otherwise than by factors")
                    .hasMessageContaining(adapter.toString());
        }
    }

    @Test
    void twoHeadsTrainedWholeAreNamed() {
        Path adapter = Goldens.path("peft/saved/adapter-final");
        MergeSettings both = MergeSettings.linear(List.of(0.5, 0.5), Optional.empty());
        assertThatThrownBy(() -> Merge.open(base("saved"), List.of(adapter, adapter), both))
                .hasMessageContaining("lm_head.weight")
                .hasMessageContaining("modules_to_save")
                .hasMessageContaining(adapter.toString());
        assertThatThrownBy(() -> Merge.open(Models.TINY, List.of(), both)).hasMessageContaining("one weight for each");
    }

    @Test
    void aHeadThatLeavesItsEmbeddingIsMergedAloneOnly() {
        Path adapter = Goldens.path("peft/tied_head/adapter-final");
        MergeSettings half = MergeSettings.linear(List.of(0.5), Optional.empty());
        assertThatThrownBy(() -> Merge.open(base("tied_head"), List.of(adapter), half))
                .hasMessageContaining("lm_head.weight")
                .hasMessageContaining("merged alone");
    }
}
