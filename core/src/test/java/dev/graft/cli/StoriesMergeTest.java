package dev.graft.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.SharedData;
import dev.graft.format.Json;
import dev.graft.model.Architectures;
import dev.graft.model.LanguageModel;
import dev.graft.nn.LinearFactory;
import dev.graft.peft.Adapters;
import dev.graft.peft.Lora;
import dev.graft.peft.Targets;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Merging into a model that somebody trained: how far rounding moves its predictions. `docs/merging.md`
/// has the table.
class StoriesMergeTest {
    @TempDir
    Path folder;

    private Path base;
    private Path adapter;

    @BeforeEach
    void makeAdapter() {
        base = SharedData.file("models/stories260k/hf");
        adapter = folder.resolve("adapter");
        Adapters adapters = new Adapters(new Lora(4, 4, 0, Targets.allLinear()).with(Lora.Init.RANDOM), 1);
        try (LanguageModel model =
                Architectures.load(base, adapters.over(LinearFactory.frozen()), Device.cpu(), DType.F32)) {
            adapters.adapted().values().forEach(layer -> {
                layer.b().master().mulInPlace(0.1); // of the size that training gives
                layer.b().refresh();
            });
            adapters.save(adapter, "stories260k");
        }
    }

    private JsonNode merged(String type) {
        Path output = folder.resolve(type);
        assertThat(Ran.graft("merge", base, adapter, "--output", output, "--dtype", type)
                        .err())
                .isEmpty();
        return Json.readObject(output.resolve("merge_report.json"), "a report");
    }

    @Test
    void eachTypeCostsWhatItsBitsAreWorth() {
        JsonNode float32 = merged("float32");
        JsonNode float16 = merged("float16");
        JsonNode bfloat16 = merged("bfloat16");
        assertThat(float32.path("probe").path("mean_kl").asDouble()).isLessThan(1e-7);
        assertThat(float32.path("probe").path("top_1_agreement").asDouble()).isEqualTo(1);
        assertThat(float16.path("probe").path("mean_kl").asDouble()).isBetween(1e-8, 1e-5);
        assertThat(bfloat16.path("probe").path("mean_kl").asDouble()).isBetween(1e-6, 1e-3);
        // eight times coarser steps
        assertThat(bfloat16.path("rounding_error").asDouble()
                        / float16.path("rounding_error").asDouble())
                .isBetween(6.0, 10.0);
        double reference = bfloat16.path("probe").path("reference_perplexity").asDouble();
        assertThat(Math.abs(bfloat16.path("probe").path("perplexity").asDouble() / reference - 1))
                .isLessThan(0.01);
    }
}
