package dev.graft.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.graft.Models;
import dev.graft.SharedData;
import dev.graft.model.LanguageModel;
import dev.graft.nn.LinearFactory;
import dev.graft.peft.Adapters;
import dev.graft.peft.Lora;
import dev.graft.peft.Targets;
import dev.graft.tokenizer.Tokenizer;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Merging where the base is one file: what comes out is what base and adapter compute together.
class MergeIntoFilesTest {
    @TempDir
    Path folder;

    private Path adapter(Path base) {
        Path adapter = folder.resolve("adapter");
        Adapters adapters = new Adapters(new Lora(4, 4, 0, Targets.allLinear()).with(Lora.Init.RANDOM), 1);
        try (LanguageModel model = Models.load(base, adapters.over(LinearFactory.frozen()))) {
            adapters.adapted().values().forEach(layer -> {
                layer.b().master().mulInPlace(0.1); // of the size that training gives
                layer.b().refresh();
            });
            adapters.save(adapter, "stories260k");
        }
        return adapter;
    }

    @ParameterizedTest
    @CsvSource({
        "gguf/stories260K.gguf, hf, float32, 1e-3",
        "gguf/stories260K.gguf, gguf, float32, 1e-3",
        "gguf/stories260K.gguf, gguf, float16, 0.05",
        "gguf/stories260K.gguf, hf, bfloat16, 0.5",
        "raw/stories260K.bin, hf, float32, 1e-3",
        "raw/stories260K.bin, gguf, bfloat16, 0.5",
        "hf, gguf, float16, 0.05",
    })
    void everyFormOfABaseMergesIntoEitherForm(String form, String format, String type, float tolerance) {
        Path base = SharedData.file("models/stories260k/" + form);
        Path adapter = adapter(base);
        Path output = folder.resolve(format.equals("gguf") ? "merged.gguf" : "merged");
        Ran ran = Ran.graft("merge", base, adapter, "--output", output, "--format", format, "--dtype", type);
        assertThat(ran.exitCode()).as(ran.err()).isZero();
        Adapters adapters = Adapters.read(adapter);
        try (LanguageModel worn = Models.load(base, adapters.over(LinearFactory.frozen()));
                LanguageModel merged = Models.load(output, LinearFactory.frozen());
                Tokenizer before = Tokenizer.load(base);
                Tokenizer after = Tokenizer.load(output)) {
            adapters.load(adapter);
            int[] ids = before.encode("Once upon a time, there was a dog.", true);
            assertThat(after.encode("Once upon a time, there was a dog.", true)).containsExactly(ids);
            assertThat(Models.logits(merged, ids)).containsExactly(Models.logits(worn, ids), within(tolerance));
        }
    }

    @Test
    void aFileCannotBeGivenBackAndSoNothingIsKeptForIt() {
        Path base = SharedData.file("models/stories260k/gguf/stories260K.gguf");
        Path merged = folder.resolve("merged");
        Ran ran = Ran.graft("merge", base, adapter(base), "--output", merged, "--keep-delta");
        assertThat(ran.exitCode()).isEqualTo(Faults.FAILED);
        assertThat(ran.err()).contains("is a single file", "keep the file instead");
        assertThat(merged).doesNotExist();
    }
}
