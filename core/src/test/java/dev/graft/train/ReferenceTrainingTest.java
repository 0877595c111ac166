package dev.graft.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.Goldens;
import dev.graft.autograd.Parameter;
import dev.graft.data.Batches;
import dev.graft.data.Tokenized;
import dev.graft.format.WeightFiles;
import dev.graft.model.Architectures;
import dev.graft.model.LanguageModel;
import dev.graft.nn.LinearFactory;
import dev.graft.objective.CrossEntropy;
import dev.graft.optim.AdamW;
import dev.graft.optim.AdamWSettings;
import dev.graft.optim.Schedule;
import dev.graft.peft.Adapters;
import dev.graft.peft.Lora;
import dev.graft.peft.Targets;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/// Twenty steps beside Transformers, PEFT and torch's AdamW in float32 (`scripts/goldens_train.py`): loss,
/// gradient norm and learning rate of every step, and the weights at the end. The tolerances are about ten
/// times what float32 and float64 of the reference itself differ by, and below what a wrong epsilon or a
/// forgotten weight decay would show.
class ReferenceTrainingTest {
    private static final Path MODEL = Goldens.path("llama-tiny");
    private static final JsonNode TRAIN = Goldens.json("train/train.json");

    @Test
    void fullFineTuningIsTransformersAndAdamW() {
        try (LanguageModel model = Architectures.load(MODEL, LinearFactory.trainable(), Device.cpu(), DType.F32)) {
            follow(model, TRAIN.path("runs").path("full"));
            compare(model.parameters(), Goldens.path("train/full-final.safetensors"), "", 6e-5);
        }
    }

    @Test
    void loraIsPeft() {
        lora("lora", new Lora(4, 8, 0, Targets.allLinear()), 6e-5);
    }

    @Test
    void rankStabilisedLoraIsPeft() {
        double alpha = TRAIN.path("runs").path("rslora").path("lora_alpha").asDouble(8);
        Lora settings = new Lora(8, alpha, 0, Targets.names("q_proj", "v_proj")).withRslora();
        lora("rslora", settings, 2e-4);
    }

    private static void lora(String run, Lora settings, double tolerance) {
        Adapters adapters = new Adapters(settings, 1);
        try (LanguageModel model =
                Architectures.load(MODEL, adapters.over(LinearFactory.frozen()), Device.cpu(), DType.F32)) {
            adapters.load(Goldens.path("train/" + run + "/adapter-init"));
            follow(model, TRAIN.path("runs").path(run));
            compare(
                    model.parameters(),
                    Goldens.path("train/" + run + "/adapter-final/adapter_model.safetensors"),
                    "base_model.model.",
                    tolerance);
        }
    }

    static void follow(LanguageModel model, JsonNode run) {
        follow(model, run, false);
    }

    /// Trains beside a recorded run and compares each step. Norms are compared to a ten thousandth of
    /// themselves, at least of 1.
    static void follow(LanguageModel model, JsonNode run, boolean recompute) {
        double[] losses = Goldens.doubles(run.path("loss"));
        double[] norms = Goldens.doubles(run.path("gradient_norm"));
        double[] rates = Goldens.doubles(run.path("learning_rate"));
        AdamW optimizer =
                new AdamW(model.parameters(), AdamWSettings.defaults().withWeightDecay(0.01), AdamW.everyParameter());
        Schedule schedule =
                Schedule.named("cosine", run.path("peak_learning_rate").asDouble(), 2, losses.length);
        List<TrainingEvent.Stepped> steps = new ArrayList<>();
        new Trainer(
                        TrainingConfig.ofSteps(losses.length).withRecompute(recompute),
                        model,
                        new CrossEntropy(),
                        optimizer,
                        schedule,
                        new Batches(documents(), 64, 1),
                        List.of(),
                        Optional.empty(),
                        event -> {
                            if (event instanceof TrainingEvent.Stepped stepped) {
                                steps.add(stepped);
                            }
                        })
                .run();
        optimizer.close();
        for (int i = 0; i < losses.length; i++) {
            assertThat(steps.get(i).loss()).as("loss of step %d", i).isCloseTo(losses[i], within(2e-5));
            assertThat(steps.get(i).gradientNorm())
                    .as("norm of step %d", i)
                    .isCloseTo(norms[i], within(1e-4 * Math.max(1, norms[i])));
            assertThat(steps.get(i).learningRate()).as("rate of step %d", i).isCloseTo(rates[i], within(1e-12));
        }
    }

    static List<Tokenized> documents() {
        List<Tokenized> documents = new ArrayList<>();
        for (JsonNode document : TRAIN.path("documents")) {
            int[] ids = Goldens.ints(document.path("ids"));
            boolean[] labels = new boolean[ids.length];
            for (int i = 1; i < ids.length; i++) {
                labels[i] = document.path("labels").get(i).asInt() != -100;
            }
            documents.add(new Tokenized(ids, labels, documents.size()));
        }
        return documents;
    }

    static void compare(List<Parameter> parameters, Path file, String prefix, double tolerance) {
        try (WeightFiles expected = WeightFiles.openFile(file);
                Scope scope = Scope.open()) {
            assertThat(expected.names()).hasSize(parameters.size());
            for (Parameter parameter : parameters) {
                float[] want = Goldens.floats(expected, prefix + parameter.name());
                float[] got = parameter.master().toFloats();
                assertThat(got).hasSameSizeAs(want);
                for (int i = 0; i < want.length; i++) {
                    assertThat((double) got[i]).as(parameter.name()).isCloseTo(want[i], within(tolerance));
                }
            }
        }
    }
}
