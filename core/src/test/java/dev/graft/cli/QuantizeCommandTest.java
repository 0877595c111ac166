package dev.graft.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.Goldens;
import dev.graft.SharedData;
import dev.graft.format.Json;
import dev.graft.format.WeightFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class QuantizeCommandTest {
    @TempDir
    static Path models;

    @TempDir
    Path folder;

    private static Path model;
    private static Path adapter;
    private Path output;
    private Path rows;

    @BeforeAll
    static void makeModel() {
        model = TinyModel.in(models);
        adapter = TinyModel.adapterIn(models, model);
    }

    @BeforeEach
    void writeRows() throws IOException {
        output = folder.resolve("quantised");
        rows = Files.writeString(folder.resolve("rows.jsonl"), """
                {"text": "hello world"}
                {"text": "hello hello world world hello"}
                """);
    }

    private Ran quantize(Path path, String options) {
        List<Object> all = new ArrayList<>(List.of("quantize", path, "--output", output));
        all.addAll(List.of(options.split(" ")));
        return Ran.graft(all.toArray());
    }

    private JsonNode report() {
        return Json.readObject(output.resolve(QuantizeCommand.REPORT), "a report");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "nf4",
                "fp4 --block-size 32",
                "int8",
                "int4 --block-size 128",
                "int8-affine --calibrate percentile --percentile 0.999 --per-tensor"
            })
    void whatIsMeasuredIsWhatEvalMeasuresOfTheFolder(String options) {
        Ran ran = quantize(model, "--format %s --eval %s --dtype float32".formatted(options, rows));
        assertThat(ran.exitCode()).as(ran.err()).isZero();
        assertThat(ran.out()).contains("14 layers", "bits a weight", "worst", "perplexity", "peak memory");
        assertThat(report().path("layers")).hasSize(14);
        assertThat(report().path("bytes_after").asLong())
                .isLessThan(report().path("bytes_before").asLong());
        for (String key : List.of("before", "after")) {
            Path measured = key.equals("before") ? model : output;
            Ran eval = Ran.graft("eval", measured, "--data", rows, "--dtype", "float32", "--json");
            assertThat(eval.exitCode()).as(eval.err()).isZero();
            assertThat(report().path("perplexity_" + key).asDouble())
                    .isCloseTo(eval.json().path("perplexity").asDouble(), within(1e-9));
        }
    }

    @Test
    void calibrationStoresScaleAndZeroPointOfWhatComesIn() {
        Ran ran = quantize(model, "--format int8-affine --calibrate mse --calibration " + rows);
        assertThat(ran.exitCode()).as(ran.err()).isZero();
        assertThat(ran.out()).contains("one scale a row, mse", "weights", "inputs", "zero points");
        JsonNode layer = report().path("layers").get(0);
        assertThat(layer.path("input_scale").asDouble()).isPositive();
        String module = layer.path("tensor").asText().replace(".weight", "");
        try (WeightFiles files = WeightFiles.open(output)) {
            assertThat(files.entry(module + ".input_scale").dtypeName()).isEqualTo("F32");
            assertThat(files.entry(module + ".input_zero_point").dtypeName()).isEqualTo("I8");
            assertThat(files.entry(module + ".weight").dtypeName()).isEqualTo("I8");
            assertThat(files.entry(module + ".weight.scale").shape())
                    .containsExactly(files.entry(module + ".weight").shape()[0]);
        }
        // two norms a layer give one range to the layers behind each
        assertThat(report().path("layers").findValuesAsText("input_scale").stream()
                        .distinct())
                .hasSize(8);
        Ran generated = Ran.graft("generate", output, "--prompt", "hello", "--max-new-tokens", 2);
        assertThat(generated.exitCode()).as(generated.err()).isZero();
    }

    @ParameterizedTest
    @CsvSource({"int8, 0.02", "nf4, 0.3"})
    void anAdapterInFewerBitsServesLikeTheOther(String format, double largest) {
        Ran ran = quantize(adapter, "--format %s --model %s --eval %s --dtype float32".formatted(format, model, rows));
        assertThat(ran.exitCode()).as(ran.err()).isZero();
        assertThat(ran.out()).contains("KL", "perplexity");
        assertThat(report().path("layers"))
                .hasSize(14)
                .allSatisfy(layer ->
                        assertThat(layer.path("relative_error").asDouble()).isBetween(1e-5, largest));
        assertThat(output.resolve("adapter_model.safetensors")).doesNotExist();
        assertThat(report().path("perplexity_after").asDouble() / perplexity(output))
                .isCloseTo(1, within(1e-5));
        assertThat(report().path("perplexity_before").asDouble() / perplexity(adapter))
                .isCloseTo(1, within(1e-5));

        Ran merged = Ran.graft("merge", model, output, "--output", folder.resolve("merged"));
        assertThat(merged.exitCode()).as(merged.err()).isZero();
        Ran inspected = Ran.graft("inspect", output);
        assertThat(inspected.exitCode()).as(inspected.err()).isZero();
        assertThat(inspected.out()).contains("rank 2 on 14 layers");
    }

    @Test
    void theChatTemplateOfAnAdapterGoesAlong() throws IOException {
        Path chatting = Files.createDirectory(folder.resolve("chatting"));
        for (String name : List.of("adapter_config.json", "adapter_model.safetensors")) {
            Files.copy(adapter.resolve(name), chatting.resolve(name));
        }
        Files.writeString(chatting.resolve("chat_template.jinja"), "{{ messages[0].content }}");
        Ran ran = quantize(chatting, "--format nf4");
        assertThat(ran.exitCode()).as(ran.err()).isZero();
        assertThat(output.resolve("chat_template.jinja")).hasContent("{{ messages[0].content }}");
    }

    private double perplexity(Path adapter) {
        Ran eval = Ran.graft("eval", model, "--adapter", adapter, "--data", rows, "--dtype", "float32", "--json");
        assertThat(eval.exitCode()).as(eval.err()).isZero();
        return eval.json().path("perplexity").asDouble();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "--format nf3                    | 2 | \"nf3\" is not one of nf4 | fp4",
                "--format nf4 --block-size 48    | 2 | nf4 in blocks of 48; expected one of [32, 64,",
                "--format int8 --double-quant    | 2 | --double-quant means nothing to --format int8",
                "--format nf4 --calibrate mse    | 2 | --calibrate is for --format int8-affine",
                "--format nf4 --calibration x    | 2 | --calibration is for --format int8-affine",
                "--format nf4 --skip no_such     | 1 | no linear layer that \"no_such\" names",
                "--format nf4 --eval no-such.txt | 1 | no-such.txt",
                "--format int8-affine --calibrate percentile --percentile 2 | 2 | a share of 2.0",
            })
    void whatDoesNotFitIsRefusedWithASentence(String options, int exitCode, String sentence) {
        Ran ran = quantize(model, options.replace(" | fp4", ""));
        assertThat(ran.exitCode()).isEqualTo(exitCode);
        assertThat(ran.err()).contains(sentence);
        assertThat(output).doesNotExist();
    }

    @Test
    void whatIsQuantisedAlreadyOrStoredOtherwiseIsRefused() {
        Ran again = quantize(Goldens.path("quant/nf4"), "--format nf4");
        assertThat(again.exitCode()).isEqualTo(1);
        assertThat(again.err()).contains("quantised already", "Start from the model it was made of");

        assertThat(quantize(adapter, "--format nf4").exitCode()).isZero();
        Path first = output;
        output = folder.resolve("second");
        Ran adapterAgain = quantize(first, "--format int8");
        assertThat(adapterAgain.exitCode()).isEqualTo(1);
        assertThat(adapterAgain.err()).contains("factors are quantised already");
        Ran other = quantize(adapter, "--format int4");
        assertThat(other.exitCode()).isEqualTo(1);
        assertThat(other.err()).contains("int8, nf4 or fp4, and not in int4");
        assertThat(output).doesNotExist();
    }

    @Test
    void onlyWhatItMadeIsReplaced() throws IOException {
        Files.createDirectory(output);
        Ran there = quantize(model, "--format nf4");
        assertThat(there.exitCode()).isEqualTo(1);
        assertThat(there.err()).contains("exists already");
        Ran foreign = quantize(model, "--format nf4 --overwrite");
        assertThat(foreign.err()).contains("was not made by graft quantize");
        Files.delete(output);
        assertThat(quantize(model, "--format nf4").exitCode()).isZero();
        assertThat(quantize(model, "--format int8 --overwrite").exitCode()).isZero();
        assertThat(report().path("format").asText()).isEqualTo("int8");
    }

    @Test
    void mergingIntoAQuantisedBasePacksAgain() {
        assertThat(quantize(model, "--format nf4 --skip lm_head,layers.1.mlp.down_proj")
                        .exitCode())
                .isZero();
        Path merged = folder.resolve("merged");
        Ran ran = Ran.graft("merge", output, adapter, "--output", merged, "--force", "--max-kl", 10);
        assertThat(ran.exitCode()).as(ran.err()).isZero();
        JsonNode found = Json.readObject(merged.resolve("merge_report.json"), "a report");
        Map<String, Integer> types = new HashMap<>();
        found.path("layers").findValuesAsText("dtype").forEach(type -> types.merge(type, 1, Integer::sum));
        assertThat(types).isEqualTo(Map.of("nf4", 13, "F32", 1));
        try (WeightFiles before = WeightFiles.open(output);
                WeightFiles after = WeightFiles.open(merged)) {
            assertThat(after.names()).isEqualTo(before.names());
            String kept = "model.layers.0.input_layernorm.weight";
            assertThat(after.data(kept).mismatch(before.data(kept))).isEqualTo(-1);
        }
        Ran strict = Ran.graft(
                "merge", output, adapter, "--output", folder.resolve("strict"), "--force", "--max-rounding", 0.01);
        assertThat(strict.exitCode()).isEqualTo(1);
        assertThat(strict.err()).contains("rounding to nf4", "--dtype bfloat16, which does not quantise");
    }

    @Test
    void savedInATypeAMergedModelIsNotQuantised() {
        assertThat(quantize(model, "--format nf4").exitCode()).isZero();
        Path merged = folder.resolve("merged");
        Ran ran = Ran.graft("merge", output, adapter, "--output", merged, "--force", "--dtype", "float32");
        assertThat(ran.exitCode()).as(ran.err()).isZero();
        assertThat(Json.readObject(merged.resolve("config.json"), "a configuration")
                        .has("quantization_config"))
                .isFalse();
        Ran alone = Ran.graft("eval", merged, "--data", rows, "--dtype", "float32", "--json");
        Ran both = Ran.graft(
                "eval", output, "--adapter", adapter, "--force", "--data", rows, "--dtype", "float32", "--json");
        assertThat(alone.json().path("eval_loss").asDouble())
                .isCloseTo(both.json().path("eval_loss").asDouble(), within(1e-4));
        Ran delta = Ran.graft("merge", output, adapter, "--output", folder.resolve("delta"), "--force", "--keep-delta");
        assertThat(delta.exitCode()).isEqualTo(1);
        assertThat(delta.err()).contains("keep the quantised model itself");
    }

    @Test
    void onARealModelNf4LosesLeastOfTheFourBitFormats() throws IOException {
        Path stories = SharedData.file("models/stories260k/hf");
        String text = Files.readString(SharedData.file("text/tinystories_sample.txt"));
        rows = Files.writeString(folder.resolve("text.txt"), text.substring(0, 8_000));
        double before = 0;
        Map<String, Double> after = new HashMap<>();
        for (String format : List.of("int8", "nf4", "nf4 --double-quant", "fp4", "int4")) {
            output = folder.resolve(format.replace(" ", ""));
            Ran ran = quantize(stories, "--format %s --dtype float32 --eval %s".formatted(format, rows));
            assertThat(ran.exitCode()).as(ran.err()).isZero();
            before = report().path("perplexity_before").asDouble();
            after.put(format, report().path("perplexity_after").asDouble());
        }
        assertThat(after.get("int8") / before).isBetween(0.995, 1.005);
        assertThat(after.get("nf4 --double-quant") / after.get("nf4")).isBetween(0.98, 1.02);
        assertThat(after.get("nf4")).isGreaterThan(1.05 * before);
        // bitsandbytes' FP4 has larger steps than 4-bit integers near the middle of a block: docs/quantization.md
        assertThat(after.get("int4")).isGreaterThan(1.03 * after.get("nf4"));
        assertThat(after.get("fp4")).isGreaterThan(1.03 * after.get("int4"));
    }
}
