package dev.graft.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.Goldens;
import dev.graft.format.Safetensors.Entry;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class InspectCommandTest {
    @TempDir
    Path folder;

    @Test
    void aModelIsDescribed() {
        Path model = TinyModel.in(folder);
        Ran ran = Ran.graft("inspect", model);
        assertThat(ran.exitCode()).as(ran.err()).isZero();
        assertThat(ran.out())
                .startsWith("Model  " + model)
                .contains("2 layers, width 16, 2 heads", "with a chat template", "64 tokens")
                .containsPattern(
                        "model\\.layers\\.\\{0,1}\\.self_attn\\.q_proj\\.weight +2 × F32 \\[16, 16] +2\\.0 KB");
        JsonNode json = Ran.graft("inspect", model, "--json").json();
        long elements = 0;
        for (JsonNode tensor : json.path("tensors")) {
            assertThat(tensor.path("dtype").asText()).isEqualTo("F32");
            elements += tensor.path("bytes").asLong() / 4;
        }
        assertThat(json.path("kind").asText()).isEqualTo("model");
        assertThat(json.path("parameters").asLong()).isEqualTo(elements);
        assertThat(json.path("bytes").asLong()).isEqualTo(4 * elements);
        assertThat(json.path("shape").path("num_hidden_layers").asInt()).isEqualTo(2);
    }

    @Test
    void whatAModelsAttentionSeesIsSaid() {
        assertThat(Ran.graft("inspect", Goldens.path("gemma2-tiny")).out())
                .contains("gemma2", "heads of width 10", "1 of 2 layers see the last 5 tokens")
                .contains("scores capped at 2.0", "logits capped at 5.0", "head tied to the embedding");
        assertThat(Ran.graft("inspect", Goldens.path("gpt2-tiny")).out()).contains("layers, width", "heads", "context");
        assertThat(Ran.graft("inspect", Goldens.path("phi3-tiny")).out())
                .contains("heads of width 6, 2 of 2 layers see the last 9 tokens")
                .doesNotContain("capped", "tied");
    }

    @Test
    void aModelOfAnotherFamilyAndOneWithoutWeightsAreDescribed() throws IOException {
        Files.writeString(folder.resolve("config.json"), "{\"model_type\": \"mamba\", \"hidden_size\": 768}");
        assertThat(Ran.graft("inspect", folder).out())
                .contains("mamba, which Graft does not run", "width 768", "none here");
    }

    @Test
    void anAdapterIsDescribed() {
        Path adapter = Goldens.path("train/lora/adapter-final");
        Ran ran = Ran.graft("inspect", adapter);
        assertThat(ran.exitCode()).as(ran.err()).isZero();
        assertThat(ran.out()).startsWith("Adapter  ").contains("LORA", "lora_alpha", "q_proj", "8,448 in 42 tensors");
    }

    @Test
    void everyElementTypeIsDescribedAndDamageRefused() throws IOException {
        Path file = Goldens.path("../format/every_dtype.safetensors").normalize();
        assertThat(Ran.graft("inspect", file).out()).startsWith("Safetensors  ").contains("BOOL", "[0, 4]", "F64");
        Path float8 = folder.resolve("float8.safetensors");
        String header = "{\"w\":{\"dtype\":\"F8_E4M3\",\"shape\":[2],\"data_offsets\":[0,2]}}      ";
        Files.write(float8, file(header, 2));
        assertThat(Ran.graft("inspect", float8).out()).containsPattern("w +F8_E4M3 \\[2] +2 bytes");
        Files.write(float8, file(header, 1));
        Ran ran = Ran.graft("inspect", float8);
        assertThat(ran.exitCode()).isEqualTo(1);
        assertThat(ran.err()).startsWith("error: " + float8).doesNotContain("bug");
    }

    private static byte[] file(String header, int dataBytes) {
        byte[] bytes = new byte[8 + header.length() + dataBytes];
        bytes[0] = (byte) header.length();
        System.arraycopy(header.getBytes(StandardCharsets.US_ASCII), 0, bytes, 8, header.length());
        return bytes;
    }

    @Test
    void aRunIsDescribed() throws IOException {
        Files.writeString(folder.resolve("recipe.yaml"), "model: base\nadapter:\n  type: lora\n  r: 8\n");
        Files.writeString(folder.resolve("metrics.jsonl"), "{\"step\": 1}\n");
        Files.createDirectories(folder.resolve("adapter"));
        Files.createDirectories(folder.resolve("checkpoints/step-90"));
        Files.createDirectories(folder.resolve("checkpoints/step-100"));
        assertThat(Ran.graft("inspect", folder).out())
                .startsWith("Run  ")
                .containsPattern("adapter +type lora, r 8")
                .containsPattern("checkpoints +step-90, step-100")
                .containsPattern("files +adapter\n")
                .contains("none yet");
        Files.writeString(folder.resolve("report.json"), "{\"eval_loss_after\": 1.25}");
        JsonNode json = Ran.graft("inspect", folder, "--json").json();
        assertThat(json.path("report").path("eval_loss_after").asDouble()).isEqualTo(1.25);
        assertThat(json.path("adapter").path("r").asText()).isEqualTo("8");
    }

    @Test
    void aCheckpointIsDescribed() throws IOException {
        Files.writeString(
                folder.resolve("trainer_state.json"), "{\"step\": 40, \"tokens\": 12345, \"run\": {\"seed\": \"7\"}}");
        Path weights = Goldens.path("train/lora/adapter-final/adapter_model.safetensors");
        Files.copy(weights, folder.resolve("parameters.safetensors"));
        Files.copy(weights, folder.resolve("optimizer.safetensors"));
        assertThat(Ran.graft("inspect", folder).out())
                .startsWith("Checkpoint  ")
                .containsPattern("step +40\n")
                .containsPattern("tokens +12,345\n")
                .containsPattern("run +seed 7\n")
                .containsPattern("optimizer +42 tensors, 33\\.0 KB");
        Files.delete(folder.resolve("optimizer.safetensors"));
        assertThat(Ran.graft("inspect", folder).exitCode()).isEqualTo(1);
    }

    @Test
    void anythingElseIsToldWhatCanBeInspected() throws IOException {
        for (Path path : List.of(folder, folder.resolve("missing"), Files.writeString(folder.resolve("a.txt"), "a"))) {
            Ran ran = Ran.graft("inspect", path);
            assertThat(ran.exitCode()).isEqualTo(1);
            assertThat(ran.err()).startsWith("error: " + path).containsAnyOf("no such file", "graft inspect describes");
        }
        assertThat(Ran.graft("inspect").exitCode()).isEqualTo(2);
    }

    @Test
    void expertsOfLayersShareALine() {
        List<Entry> entries = new ArrayList<>();
        for (int layer = 0; layer < 3; layer++) {
            for (int expert = 0; expert < 8; expert++) {
                entries.add(entry("layers." + layer + ".experts." + expert + ".w", layer == 2 && expert == 7 ? 5 : 4));
            }
        }
        assertThat(new TensorTable(entries).lines(Style.PLAIN))
                .extracting(line -> line.strip().replaceAll(" +", " "))
                .containsExactlyInAnyOrder(
                        "layers.{0…2}.experts.{0…6}.w 21 × F32 [4] 336 bytes",
                        "layers.{0,1}.experts.7.w 2 × F32 [4] 32 bytes",
                        "layers.2.experts.7.w F32 [5] 20 bytes");
    }

    @Property(tries = 50, edgeCases = EdgeCasesMode.NONE)
    void groupingLosesNoTensor(
            @ForAll @IntRange(min = 1, max = 4) int layers, @ForAll List<@IntRange(max = 2) Integer> sizes) {
        List<Entry> entries = new ArrayList<>();
        for (int i = 0; i < sizes.size(); i++) {
            entries.add(entry("h." + i % layers + ".x." + i / layers, sizes.get(i)));
        }
        int counted = new TensorTable(entries)
                .lines(Style.PLAIN).stream()
                        .mapToInt(line ->
                                line.contains("×") ? Integer.parseInt(line.replaceFirst(".*?(\\d+) ×.*", "$1")) : 1)
                        .sum();
        assertThat(counted).isEqualTo(entries.size());
    }

    private static Entry entry(String name, int size) {
        return new Entry(name, "F32", Optional.empty(), new long[] {size}, 0, 4L * size);
    }
}
