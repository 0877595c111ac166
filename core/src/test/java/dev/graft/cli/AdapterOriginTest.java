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
import java.util.List;
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
        new Origin(AdapterOrigin.base(model, Optional.empty(), Quantization.none()), Map.of("seed", 7)).write(adapter);
    }

    private Ran generate(Object... more) {
        Object[] command = {"generate", model, "--adapter", adapter, "--prompt", "hello", "--max-new-tokens", 2};
        Object[] all = Arrays.copyOf(command, command.length + more.length);
        System.arraycopy(more, 0, all, command.length, more.length);
        return Ran.graftTalking(all);
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

    // ---------------------------------------------------------------- the base in fewer bits

    private static final Object[] IN_NF4 = {"--load-in-4bit", "--bnb-4bit-quant-type", "nf4"};

    private void trainedInNf4(Map<String, Object> made) {
        var nf4 = new Quantization(
                true,
                false,
                Quantization.FourBits.NF4,
                false,
                Recipe.Precision.AUTO,
                Quantization.Storage.UINT8,
                6,
                List.of(),
                Quantization.Table.NONE);
        new Origin(AdapterOrigin.base(model, Optional.empty(), nf4), made).write(adapter);
    }

    @Test
    void sameModelQuantisedOtherwiseIsMentioned() {
        assertThat(generate().err()).doesNotContain("note:");
        Ran packed = generate(IN_NF4);
        assertThat(packed.exitCode()).isZero();
        assertThat(packed.err()).contains("trained on this model not quantised; here it is in nf4, blocks of 64");
        trainedInNf4(Map.of());
        assertThat(generate(IN_NF4).err()).doesNotContain("note:");
        Ran plain = generate();
        assertThat(plain.exitCode()).isZero();
        assertThat(plain.err()).contains("note: " + adapter, "in nf4, blocks of 64; here it is not quantised");
        Ran merged = Ran.graftTalking("merge", model, adapter, "--output", folder.resolve("merged"));
        assertThat(merged.exitCode()).as(merged.err()).isZero();
        assertThat(merged.err()).contains("here it is not quantised");
    }

    @Test
    void adapterThatMakesUpForAQuantisationBelongsToIt() {
        trainedInNf4(Map.of(Origin.START, "loftq"));
        assertThat(generate(IN_NF4).exitCode()).isZero();
        for (Ran other : List.of(
                generate(),
                generate("--load-in-8bit"),
                generate("--load-in-4bit", "--bnb-4bit-quant-type", "nf4", "--llm-int8-skip-modules", "o_proj"),
                Ran.graft("merge", model, adapter, "--output", folder.resolve("merged")))) {
            assertThat(other.exitCode()).isEqualTo(1);
            assertThat(other.err())
                    .contains("quantisation: trained on it in nf4", "loftq", "--force")
                    .doesNotContain("weights:");
        }
        assertThat(folder.resolve("merged")).doesNotExist();
        Ran forced = generate("--force");
        assertThat(forced.exitCode()).isZero();
        assertThat(forced.err()).contains("warning:", "given not quantised");
    }

    @Test
    void modelThatWasQuantisedIntoAFolderIsStillTheSame() throws IOException {
        Path packed = folder.resolve("packed");
        assertThat(Ran.graft("quantize", model, "--format", "nf4", "--output", packed)
                        .exitCode())
                .isZero();
        trainedInNf4(Map.of(Origin.START, "loftq"));
        Path plain = model;
        model = packed;
        Ran same = generate();
        assertThat(same.exitCode()).as(same.err()).isZero();
        assertThat(same.err()).doesNotContain("note:");

        new Origin(AdapterOrigin.base(packed, Optional.empty(), Quantization.none()), Map.of()).write(adapter);
        model = plain;
        Ran served = generate();
        assertThat(served.exitCode()).as(served.err()).isZero();
        assertThat(served.err()).contains("in nf4, blocks of 64; here it is not quantised");

        model = packed;
        Path report = packed.resolve(QuantizeCommand.REPORT);
        AtomicFiles.writeString(
                report, Files.readString(report).replace("weights_sha256\": \"", "weights_sha256\": \"0"));
        assertThat(generate().exitCode()).isZero(); // its own weights are enough
        trainedInNf4(Map.of());
        model = plain;
        new Origin(AdapterOrigin.base(packed, Optional.empty(), Quantization.none()), Map.of()).write(adapter);
        assertThat(generate().err()).contains("weights: trained with");
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
