package dev.graft.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.Goldens;
import dev.graft.format.WeightFiles;
import dev.graft.model.Architectures;
import dev.graft.model.LanguageModel;
import dev.graft.nn.LinearFactory;
import dev.graft.peft.Adapters;
import dev.graft.peft.Lora;
import dev.graft.peft.Targets;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import java.nio.file.Path;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Twenty LoRA steps on a 4-bit base beside PEFT and bitsandbytes in float32
/// (`scripts/goldens_quant_models.py`).
///
/// Both read the same packed bytes and unpack them to the same numbers, so what differs is the order of
/// float32 sums, as in [ReferenceTrainingTest], whose tolerances hold here too.
class QloraReferenceTest {
    private static final JsonNode TRAIN = Goldens.json("quant/train/train.json");

    @ParameterizedTest
    @CsvSource({"nf4, false", "nf4-double, false", "nf4, true", "nf4-double, true"})
    void qloraIsPeftOnBitsandbytes(String base, boolean recomputing) {
        Adapters adapters = new Adapters(new Lora(4, 8, 0, Targets.allLinear()), 1);
        String folder = "quant/train/" + base + "/";
        try (LanguageModel model = Architectures.load(
                Goldens.path("quant/" + base), adapters.over(LinearFactory.frozen()), Device.cpu(), DType.F32)) {
            adapters.load(Goldens.path(folder + "adapter-init"));
            ReferenceTrainingTest.follow(model, TRAIN.path("runs").path(base), recomputing);
            ReferenceTrainingTest.compare(
                    model.parameters(),
                    Goldens.path(folder + "adapter-final/adapter_model.safetensors"),
                    "base_model.model.",
                    2e-4);
        }
        assertThat(adapters.adapted()).isEmpty();
    }

    /// `scripts/goldens_quant_adapters.py`; in 8 bits both multiply with the unpacked weight while they
    /// train.
    @ParameterizedTest
    @CsvSource({"nf4, false", "int8, false", "nf4, true", "int8, true"})
    void doraOnAQuantisedBaseIsPeftOnBitsandbytes(String base, boolean recomputing) {
        JsonNode runs = Goldens.json("quant/dora/dora.json").path("runs");
        Adapters adapters = new Adapters(new Lora(4, 8, 0, Targets.allLinear()).withDora(), 1);
        String folder = "quant/dora/" + base + "/";
        try (LanguageModel model = Architectures.load(
                Goldens.path("quant/" + base), adapters.over(LinearFactory.frozen()), Device.cpu(), DType.F32)) {
            requireMagnitudes(adapters, Goldens.path(folder + "adapter-init/adapter_model.safetensors"));
            adapters.load(Goldens.path(folder + "adapter-init"));
            ReferenceTrainingTest.follow(model, runs.path(base), recomputing);
            ReferenceTrainingTest.compare(
                    model.parameters(),
                    Goldens.path(folder + "adapter-final/adapter_model.safetensors"),
                    "base_model.model.",
                    2e-4);
        }
    }

    /// Magnitudes begin as the norms of the rows that are unpacked, as PEFT's do.
    private static void requireMagnitudes(Adapters adapters, Path file) {
        try (WeightFiles expected = WeightFiles.openFile(file)) {
            assertThat(adapters.adapted()).hasSize(21).allSatisfy((layer, adapted) -> {
                float[] norms = Goldens.floats(expected, "base_model.model." + layer + ".lora_magnitude_vector");
                assertThat(adapted.magnitude().orElseThrow().master().toFloats())
                        .as(layer)
                        .containsExactly(norms, within(1e-5f));
            });
        }
    }
}
