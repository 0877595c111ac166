package dev.graft.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.format.AtomicFiles;
import dev.graft.format.Json;
import dev.graft.format.WeightHash;
import dev.graft.peft.Origin;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// An adapter that says where it comes from, on that model and on others.
class AdapterOriginTest {
    @TempDir
    Path folder;

    private Path model;
    private Path adapter;

    @BeforeEach
    void make() {
        model = TinyModel.in(folder);
        adapter = TinyModel.adapterIn(folder, model);
        new Origin(AdapterOrigin.base(model, Optional.empty()), Map.of("seed", 7)).write(adapter);
    }

    private Ran generate(Object... more) {
        Object[] command = {"generate", model, "--adapter", adapter, "--prompt", "hello", "--max-new-tokens", 2};
        Object[] all = Arrays.copyOf(command, command.length + more.length);
        System.arraycopy(more, 0, all, command.length, more.length);
        return Ran.graft(all);
    }

    @Test
    void worksOnTheModelItWasTrainedOn() {
        assertThat(generate().exitCode()).isZero();
    }

    @Test
    void oneBitOfTheBaseIsEnoughToRefuseAndForceGoesOn() throws IOException {
        try (RandomAccessFile file =
                new RandomAccessFile(model.resolve("model.safetensors").toFile(), "rw")) {
            file.seek(file.length() - 1);
            int last = file.read();
            file.seek(file.length() - 1);
            file.write(last ^ 1);
        }
        Ran refused = generate();
        assertThat(refused.exitCode()).isEqualTo(1);
        assertThat(refused.err())
                .contains(adapter.toString(), model.toString(), "weights: trained with sha256", "--force");
        assertThat(refused.err()).doesNotContain("tokenizer:", "template:");
        assertThat(generate("--force").exitCode()).isZero();
        Ran merged = Ran.graft("merge", model, adapter, "--output", folder.resolve("merged"));
        assertThat(merged.exitCode()).isEqualTo(1);
        assertThat(folder.resolve("merged")).doesNotExist();
    }

    @Test
    void anotherChatTemplateIsRefused() {
        AtomicFiles.writeString(model.resolve("chat_template.jinja"), "{{ messages[0].content }}");
        assertThat(generate().err())
                .contains("chat template: trained with sha256")
                .doesNotContain("weights:");
    }

    @Test
    void anotherTokenizerIsRefusedButNotAnotherLayoutOfItsFile() {
        Path file = model.resolve("tokenizer.json");
        JsonNode tokenizer = Json.readObject(file, "a tokenizer");
        AtomicFiles.writeString(file, Json.pretty(tokenizer));
        assertThat(generate().exitCode()).isZero();
        ((ObjectNode) tokenizer).putNull("normalizer").putNull("post_processor");
        AtomicFiles.writeString(file, Json.pretty(tokenizer));
        assertThat(generate().err()).contains("tokenizer: trained with sha256");
    }

    @Test
    void adapterWithoutOriginWorksAnywhere() throws IOException {
        Files.delete(adapter.resolve(Origin.FILE));
        AtomicFiles.writeString(model.resolve("chat_template.jinja"), "{{ messages[0].content }}");
        assertThat(generate().exitCode()).isZero();
    }

    @Test
    void originOfANewerFormatIsNotGuessedAt() {
        AtomicFiles.writeString(adapter.resolve(Origin.FILE), "{\"format\": 2}");
        assertThat(generate().err()).contains("graft.json", "format is 2", "newer Graft");
    }

    @Test
    void inspectShowsIt() {
        JsonNode found = Ran.graft("inspect", adapter, "--json").json();
        assertThat(found.path("base").path("weights_sha256").asText()).isEqualTo(WeightHash.of(model));
        assertThat(found.path("seed").asInt()).isEqualTo(7);
        assertThat(Ran.graft("inspect", adapter).out()).contains("weights_sha256", model.toString());
    }
}
