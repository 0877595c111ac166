package dev.graft.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.SharedData;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// `.gguf` and `.bin` files wherever a command takes MODEL.
class OtherModelFilesTest {
    @TempDir
    Path folder;

    private Path gguf() {
        Path file = folder.resolve("tiny.gguf");
        Ran ran = Ran.graft("export", TinyModel.in(folder), "--output", file, "--type", "f32");
        assertThat(ran.exitCode()).as(ran.err()).isZero();
        assertThat(ran.out()).contains("tiny.gguf", "parameters", "f32");
        return file;
    }

    @Test
    void ggufModelGeneratesWhatItsFolderGenerates() {
        Path file = gguf();
        String prompt = "Once upon";
        Ran expected = Ran.graft(
                "generate",
                folder.resolve("tiny-model"),
                "--prompt",
                prompt,
                "--temperature",
                "0",
                "--dtype",
                "float32");
        Ran ran = Ran.graft("generate", file, "--prompt", prompt, "--temperature", "0", "--dtype", "float32");
        assertThat(ran.exitCode()).as(ran.err()).isZero();
        assertThat(ran.out()).isEqualTo(expected.out()).isNotBlank();
    }

    @Test
    void adapterIsTrainedOnAGgufModelAndMergedIntoIt() throws IOException {
        Path file = gguf();
        Files.writeString(
                folder.resolve("rows.jsonl"), "{\"prompt\": \"Once\", \"completion\": \" upon a time\"}\n".repeat(4));
        Files.writeString(folder.resolve("recipe.yaml"), """
                model: %s
                output_dir: %s
                data: {train: %s, max_length: 32, eval_fraction: 0}
                training: {max_steps: 2, dtype: float32}
                """.formatted(
                        file, folder.resolve("run"), folder.resolve("rows.jsonl")));
        Ran ran = Ran.graft("train", folder.resolve("recipe.yaml"));
        assertThat(ran.exitCode()).as(ran.err()).isZero();
        Path adapter = folder.resolve("run/adapter");
        assertThat(Files.readString(adapter.resolve("adapter_config.json"))).contains("tiny.gguf");
        Ran merge = Ran.graft("merge", file, adapter, "--output", folder.resolve("merged"));
        assertThat(merge.exitCode()).as(merge.err()).isZero();
        assertThat(folder.resolve("merged/tokenizer.json")).exists();
        Ran merged = Ran.graft(
                "generate", folder.resolve("merged"), "--prompt", "Once", "--temperature", "0", "--dtype", "float32");
        Ran adapted = Ran.graft(
                "generate", file, "--adapter", adapter, "--prompt", "Once", "--temperature", "0", "--dtype", "float32");
        assertThat(merged.out()).as(merged.err() + adapted.err()).isEqualTo(adapted.out());
    }

    @Test
    void ggufFileIsDescribed() {
        Ran ran = Ran.graft("inspect", gguf());
        assertThat(ran.exitCode()).as(ran.err()).isZero();
        assertThat(ran.out())
                .contains("general.architecture", "llama", "tokenizer.ggml.pre", "gpt-2", "285 texts")
                .containsPattern("blk\\.\\{0,1}\\.attn_q\\.weight +2 × F32 \\[16, 16]");
        JsonNode json =
                Ran.graft("inspect", folder.resolve("tiny.gguf"), "--json").json();
        assertThat(json.path("kind").asText()).isEqualTo("gguf");
        assertThat(json.path("metadata").path("llama.block_count").asInt()).isEqualTo(2);
        assertThat(json.path("tensors")).hasSize(21);
    }

    @Test
    void checkpointOfLlama2cIsDescribed() {
        Ran ran = Ran.graft("inspect", SharedData.file("models/stories260k/raw/stories260K.bin"));
        assertThat(ran.exitCode()).as(ran.err()).isZero();
        assertThat(ran.out()).contains("n_layers", "wq.{0…4}", "260,032 in 47 tensors");
    }

    @ParameterizedTest
    @ValueSource(strings = {"model.gguf", "model.bin"})
    void damagedFilesAreRefusedWithASentence(String name) throws IOException {
        Path file = Files.write(
                folder.resolve(name),
                "GGUF\3\0\0\0 and then anything but what should follow".getBytes(StandardCharsets.US_ASCII));
        for (String command : new String[] {"inspect", "chat"}) {
            Ran ran = Ran.graft(command, file);
            assertThat(ran.exitCode()).isEqualTo(Faults.FAILED);
            assertThat(ran.err())
                    .startsWith("error: " + file)
                    .contains("; expected ")
                    .doesNotContain("\tat ");
        }
    }

    @Test
    void exportSaysWhatIsMissing() {
        Path model = TinyModel.in(folder);
        Path adapter = TinyModel.adapterIn(folder, model);
        Ran bare = Ran.graft("export", adapter, "--output", folder.resolve("a.gguf"));
        assertThat(bare.exitCode()).isEqualTo(Faults.BAD_USAGE);
        assertThat(bare.err()).contains("--base");
        Ran ran = Ran.graft("export", adapter, "--base", model, "--output", folder.resolve("a.gguf"));
        assertThat(ran.exitCode()).as(ran.err()).isZero();
        assertThat(ran.out()).contains("14 layers", "alpha 8");
        Ran again = Ran.graft("export", adapter, "--base", model, "--output", folder.resolve("a.gguf"));
        assertThat(again.err()).contains("exists already", "--overwrite");
        Ran replaced =
                Ran.graft("export", adapter, "--model", model, "--output", folder.resolve("a.gguf"), "--overwrite");
        assertThat(replaced.exitCode()).as(replaced.err()).isZero();
        Ran type = Ran.graft("export", model, "--output", folder.resolve("b.gguf"), "--type", "q4_k");
        assertThat(type.err()).contains("q4_k", "f32, f16, bf16, q8_0, q4_0");
    }
}
