package dev.graft.export;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.graft.Goldens;
import dev.graft.Models;
import dev.graft.format.WeightFiles;
import dev.graft.model.LanguageModel;
import dev.graft.nn.LinearFactory;
import dev.graft.peft.Adapters;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MergeTest {
    private static final Path ADAPTER = Goldens.path("train/lora/adapter-final");

    @TempDir
    Path folder;

    /// `scripts/goldens_train.py`: PEFT's `merge_and_unload`.
    @Test
    void mergedWeightsArePefts() {
        MergeReport report = Merge.run(Models.TINY, ADAPTER, folder.resolve("merged"), Optional.empty());
        try (WeightFiles expected = WeightFiles.openFile(Goldens.path("train/lora/merged.safetensors"));
                WeightFiles merged = WeightFiles.open(folder.resolve("merged"));
                WeightFiles base = WeightFiles.open(Models.TINY)) {
            assertThat(expected.names()).hasSize(2);
            for (String name : expected.names()) {
                assertThat(Goldens.floats(merged, name))
                        .as(name)
                        .containsExactly(Goldens.floats(expected, name), within(1e-6f));
            }
            assertThat(merged.names()).isEqualTo(base.names());
            assertThat(report.tensors()).isEqualTo(base.names().size());
            for (String untouched : new String[] {"model.embed_tokens.weight", "model.norm.weight"}) {
                assertThat(Goldens.floats(merged, untouched)).containsExactly(Goldens.floats(base, untouched));
            }
        }
        assertThat(report.changed()).isEqualTo(3 * 7);
        assertThat(report.roundingError()).isBetween(1e-9, 1e-6); // float32 to float32
    }

    @Test
    void savedInHalfTheBytesTheReportSaysWhatRoundingCost() {
        MergeReport report = Merge.run(Models.TINY, ADAPTER, folder.resolve("merged"), Optional.of(DType.BF16));
        // 8 bits of mantissa: each weight is off by up to 2^-9 of itself, and the change is of the weights' size
        assertThat(report.roundingError()).isBetween(1e-4, 0.05);
        try (WeightFiles merged = WeightFiles.open(folder.resolve("merged"))) {
            assertThat(merged.names())
                    .allMatch(name -> merged.entry(name).dtype().equals(Optional.of(DType.BF16)));
        }
    }

    @Test
    void adapterWithANumberThatIsNoneIsRefusedAndLeavesNothingBehind() throws IOException {
        Path broken = folder.resolve("adapter");
        Adapters adapters = Adapters.read(ADAPTER);
        try (LanguageModel model = Models.load(Models.TINY, adapters.over(LinearFactory.frozen()));
                Scope scope = Scope.open()) {
            adapters.load(ADAPTER);
            Adapters.Adapted layer = adapters.adapted().get("model.layers.1.mlp.up_proj");
            layer.b()
                    .set(Tensor.full(
                            Double.NaN,
                            DType.F32,
                            Device.cpu(),
                            layer.b().master().shape()));
            adapters.save(broken, "llama-tiny");
        }
        assertThatThrownBy(() -> Merge.run(Models.TINY, broken, folder.resolve("merged"), Optional.empty()))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("model.layers.1.mlp.up_proj.weight")
                .hasMessageContaining("not finite");
        assertThat(entries(folder)).containsExactly("adapter");
    }

    @Test
    void existingFolderIsNotTouched() throws IOException {
        Path there = Files.createDirectory(folder.resolve("there"));
        Files.writeString(there.resolve("notes.txt"), "mine");
        assertThatThrownBy(() -> Merge.run(Models.TINY, ADAPTER, there, Optional.empty()))
                .hasMessageContaining(there.toString());
        assertThat(entries(there)).containsExactly("notes.txt");
        assertThat(entries(folder)).containsExactly("there");
    }

    static String[] entries(Path folder) throws IOException {
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.map(path -> path.getFileName().toString()).sorted().toArray(String[]::new);
        }
    }
}
