package dev.graft.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.graft.Goldens;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// `quantization` in recipes, and the options of the same names.
class QuantizedCommandsTest {
    @TempDir
    private Path folder;

    @ParameterizedTest
    @ValueSource(
            strings = {
                "--load-in-4bit --bnb-4bit-quant-type nf4 --bnb-4bit-use-double-quant",
                "--load-in-8bit",
                "--int8-head",
                "--load-in-4bit --bnb-4bit-quant-type nf4 --embedding-quant-type int8",
                "--embedding-quant-type nf4"
            })
    void aModelIsQuantisedWhileItIsLoaded(String options) {
        Path model = TinyModel.in(folder);
        Ran plain = Ran.graft("generate", model, "--prompt", "hello", "--max-new-tokens", 3, "--dtype", "float32");
        assertThat(plain.exitCode()).as(plain.err()).isZero();
        String[] all =
                ("generate " + model + " --prompt hello --max-new-tokens 3 --dtype float32 " + options).split(" ");
        Ran quantised = Ran.graft((Object[]) all);
        assertThat(quantised.exitCode()).as(quantised.err()).isZero();
        assertThat(quantised.out()).isNotBlank();
    }

    @Test
    void settingsThatContradictEachOtherAreRefused() {
        Ran both = Ran.graft("generate", folder, "--prompt", "x", "--load-in-4bit", "--load-in-8bit");
        assertThat(both.exitCode()).isNotZero();
        assertThat(both.err()).contains("load_in_4bit", "load_in_8bit", "exclude each other");
        Ran type = Ran.graft("generate", folder, "--prompt", "x", "--load-in-4bit", "--bnb-4bit-quant-type", "int4");
        assertThat(type.exitCode()).isEqualTo(2);
        assertThat(type.err()).contains("\"int4\" is not one of fp4 | nf4");
    }

    @Test
    void aModuleToSkipThatIsNotThereIsRefused() {
        Path model = TinyModel.in(folder);
        Ran ran = Ran.graft(
                "generate", model, "--prompt", "x", "--load-in-8bit", "--llm-int8-skip-modules", "o_proj,nonsense");
        assertThat(ran.exitCode()).isEqualTo(1);
        assertThat(ran.err()).contains("no linear layer that \"nonsense\" names", "q_proj");
    }

    @Test
    void aModelThatIsQuantisedAlreadyIsNotQuantisedAgain() {
        Ran again = Ran.graft("generate", Goldens.path("quant/nf4"), "--prompt", "x", "--load-in-4bit");
        assertThat(again.exitCode()).isEqualTo(1);
        assertThat(again.err()).contains("quantised already", "Leave load_in_4bit");
    }

    @Test
    void aRecipeTrainsOnAQuantisedBase() throws IOException {
        Path model = TinyModel.in(folder);
        Files.writeString(folder.resolve("rows.jsonl"), TrainRuns.rows(20));
        Path recipe = TrainRuns.recipe(folder, model);
        Files.writeString(
                recipe,
                Files.readString(recipe)
                        + "quantization: {load_in_4bit: true, bnb_4bit_quant_type: nf4, bnb_4bit_use_double_quant: true}\n");
        Ran ran = Ran.graft("train", recipe);
        assertThat(ran.exitCode()).as(ran.err()).isZero();
        assertThat(folder.resolve("run/adapter/adapter_model.safetensors")).exists();
        assertThat(folder.resolve("run/recipe.yaml")).content().contains("load_in_4bit: true");
    }
}
