package dev.graft.export;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.graft.Goldens;
import dev.graft.autograd.Tape;
import dev.graft.format.Json;
import dev.graft.format.SafetensorsWriter;
import dev.graft.format.SafetensorsWriter.Part;
import dev.graft.format.WeightFiles;
import dev.graft.model.Architectures;
import dev.graft.model.LanguageModel;
import dev.graft.nn.LinearFactory;
import dev.graft.nn.TokenRun;
import dev.graft.peft.Adapters;
import dev.graft.quant.AffineInt8;
import dev.graft.quant.Calibration;
import dev.graft.quant.Dynamic8;
import dev.graft.quant.Fp4;
import dev.graft.quant.Int4;
import dev.graft.quant.Int8Rows;
import dev.graft.quant.Nf4;
import dev.graft.quant.QuantFormat;
import dev.graft.quant.QuantisedLinears;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Folders of quantised models. With `GRAFT_CHECK_DIR` they are written there, with logits beside them, for
/// `scripts/check_quantised.py`.
class QuantisedModelTest {
    private static final Path MODEL = Goldens.path("llama-tiny");
    private static final int[] IDS = {35, 39, 12, 21, 58, 0, 46, 33};

    @TempDir
    private Path temporary;

    private static QuantFormat format(String name) {
        return switch (name) {
            case "nf4" -> new Nf4(false);
            case "nf4-double" -> new Nf4(true);
            case "nf4-32" -> new Nf4(32, true);
            case "int4" -> new Int4(32);
            case "int8-affine" -> new AffineInt8(true, false, new Calibration.MeanSquaredError());
            case "fp4-128" -> new Fp4(128, false);
            case "fp4" -> new Fp4(false);
            default -> new Int8Rows();
        };
    }

    @ParameterizedTest
    @ValueSource(strings = {"nf4", "nf4-double", "nf4-32", "fp4", "fp4-128", "int8", "int4", "int8-affine"})
    void aWrittenModelIsTheOneQuantisedWhileLoading(String name) throws IOException {
        Path parent = Optional.ofNullable(System.getenv("GRAFT_CHECK_DIR"))
                .map(Path::of)
                .orElse(temporary);
        Path folder = Files.createDirectories(parent).resolve(name);
        var report = QuantisedModel.write(MODEL, folder, format(name), Optional.empty(), layer -> {});

        assertThat(report.layers())
                .hasSize(21)
                .allSatisfy(layer -> assertThat(layer.error()).isBetween(1e-4, 0.2));
        // tables and states count in layers as small as these
        assertThat(report.bitsPerWeight()).isBetween(name.startsWith("int8") ? 8.0 : 4.0, 20.0);
        try (LanguageModel read = load(folder, LinearFactory.frozen());
                LanguageModel made = load(MODEL, new QuantisedLinears(LinearFactory.frozen(), format(name)))) {
            float[] logits = logits(read);
            assertThat(logits).isEqualTo(logits(made));
            save(folder, logits);
        }
    }

    @Test
    void theFilesAreThoseOfTransformersByteForByte() {
        // whose CPU build packs NF4 as CUDA does
        Path folder = temporary.resolve("nf4");
        QuantisedModel.write(MODEL, folder, new Nf4(false), Optional.empty(), layer -> {});
        try (WeightFiles ours = WeightFiles.open(folder);
                WeightFiles theirs = WeightFiles.open(Goldens.path("quant/nf4"))) {
            assertThat(ours.names()).containsExactlyInAnyOrderElementsOf(theirs.names());
            for (String name : theirs.names()) {
                assertThat(ours.entry(name).shape())
                        .as(name)
                        .isEqualTo(theirs.entry(name).shape());
                assertThat(ours.data(name).toArray(ValueLayout.JAVA_BYTE))
                        .as(name)
                        .isEqualTo(theirs.data(name).toArray(ValueLayout.JAVA_BYTE));
            }
        }
        assertThat(settings(folder)).isEqualTo(settings(Goldens.path("quant/nf4")));
    }

    private static Object settings(Path folder) {
        return Json.readObject(folder.resolve("config.json"), "a configuration").get("quantization_config");
    }

    @Test
    void layersOnTheSkipListAreCopied() {
        Path folder = temporary.resolve("some");
        var report = QuantisedModel.write(
                MODEL, folder, new Nf4(true), Optional.of(List.of("lm_head", "down_proj")), layer -> {});
        assertThat(report.layers()).hasSize(18).noneMatch(layer -> layer.name().contains("down_proj"));
        assertThat(report.bytesAfter()).isLessThan(report.bytesBefore());
        try (LanguageModel read = load(folder, LinearFactory.frozen())) {
            assertThat(logits(read)).hasSize(IDS.length * 97);
        }
    }

    /// `scripts/goldens_quant_families.py`: GPT-2's `Conv1D` turned, experts left as they are.
    @ParameterizedTest
    @CsvSource({
        "gpt2-tiny, gpt2-nf4, nf4, 8",
        "gpt2-tiny, gpt2-int8, int8, 8",
        "mixtral-tiny, mixtral-nf4, nf4, 8",
        "qwen3-moe-tiny, qwen3-moe-nf4, nf4, 11"
    })
    void layersThatLieOtherwiseArePackedAsTransformersDoes(String base, String theirs, String format, int layers) {
        Path folder = temporary.resolve(theirs);
        QuantFormat packed = theirs.equals("gpt2-int8") ? new Int8Rows(3) : format(format);
        var report = QuantisedModel.write(Goldens.path(base), folder, packed, Optional.empty(), layer -> {});
        assertThat(report.layers()).hasSize(layers);
        try (WeightFiles own = WeightFiles.open(folder);
                WeightFiles expected = WeightFiles.open(Goldens.path("quant/" + theirs))) {
            assertThat(own.names()).isEqualTo(expected.names());
            for (String name : expected.names()) {
                assertThat(own.data(name).toArray(ValueLayout.JAVA_BYTE))
                        .as(name)
                        .isEqualTo(expected.data(name).toArray(ValueLayout.JAVA_BYTE));
            }
        }
    }

    @Test
    void ownFormatsPackExpertsToo() {
        Path folder = temporary.resolve("int4");
        var report =
                QuantisedModel.write(Goldens.path("mixtral-tiny"), folder, new Int4(32), Optional.empty(), layer -> {});
        assertThat(report.layers()).hasSize(34); // 4 of attention, a router and 3 of each of 4 experts, twice
        try (LanguageModel read = load(folder, LinearFactory.frozen());
                LanguageModel made = load(
                        Goldens.path("mixtral-tiny"), new QuantisedLinears(LinearFactory.frozen(), new Int4(32)))) {
            assertThat(logits(read)).isEqualTo(logits(made));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"gpt2-nf4", "gpt2-int8"})
    void anAdapterMergedIntoPackedConv1dAddsWhereItRan(String name) {
        Path model = Goldens.path("quant/" + name);
        Path adapter = Goldens.path("gpt2-tiny/adapter-all");
        Path whole = temporary.resolve("whole");
        Merge.run(model, adapter, whole, Optional.of(DType.F32));
        Path packed = temporary.resolve("packed");
        MergeReport report = Merge.run(model, adapter, packed, Optional.empty());
        assertThat(report.changed()).isEqualTo(8);
        Adapters adapters = Adapters.read(adapter);
        try (LanguageModel both = load(model, adapters.over(LinearFactory.frozen()));
                LanguageModel base = load(model, LinearFactory.frozen());
                LanguageModel merged = load(whole, LinearFactory.frozen());
                LanguageModel again = load(packed, LinearFactory.frozen())) {
            adapters.load(adapter);
            float[] expected = logits(both);
            assertThat(logits(merged)).containsExactly(expected, within(2e-5f));
            double error = distance(logits(again), expected);
            assertThat(error).isLessThan(0.7 * distance(logits(base), expected));
        }
    }

    private static double distance(float[] a, float[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += (a[i] - b[i]) * (a[i] - b[i]);
        }
        return Math.sqrt(sum);
    }

    @Test
    void whatCannotBeWrittenIsRefusedBeforeAnythingIsRead() {
        Path target = temporary.resolve("x");
        assertThatThrownBy(() -> QuantisedModel.write(MODEL, target, new Dynamic8(), Optional.empty(), layer -> {}))
                .hasMessageContaining("nf4, fp4 or int8");
        Path packed = Goldens.path("quant/nf4");
        assertThatThrownBy(() -> QuantisedModel.write(packed, target, new Nf4(true), Optional.empty(), layer -> {}))
                .hasMessageContaining("quantised already");
        assertThat(target).doesNotExist();
    }

    private static LanguageModel load(Path folder, LinearFactory factory) {
        return Architectures.load(folder, factory, Device.cpu(), DType.F32);
    }

    private static float[] logits(LanguageModel model) {
        try (Scope scope = Scope.open();
                Tape tape = Tape.recording(Device.cpu(), 1, false)) {
            return model.logits(model.hidden(tape, TokenRun.document(IDS)).data())
                    .toFloats();
        }
    }

    private static void save(Path folder, float[] logits) {
        try (Scope scope = Scope.open()) {
            List<Part> parts = new ArrayList<>();
            Tensor ids = Tensor.of(IDS);
            Tensor values = Tensor.of(logits, IDS.length, logits.length / IDS.length);
            parts.add(new Part("ids.0", DType.I64, ids.shape(), ids.memory()));
            parts.add(new Part("logits.0", DType.F32, values.shape(), values.memory()));
            SafetensorsWriter.write(folder.resolve("logits.safetensors"), parts);
        }
    }
}
