package dev.graft.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.Goldens;
import dev.graft.Models;
import dev.graft.SharedData;
import dev.graft.data.Batches;
import dev.graft.data.Tokenized;
import dev.graft.eval.HeldOut;
import dev.graft.export.Merge;
import dev.graft.format.Json;
import dev.graft.model.LanguageModel;
import dev.graft.nn.LinearFactory;
import dev.graft.objective.CrossEntropy;
import dev.graft.optim.Schedule;
import dev.graft.peft.Adapters;
import dev.graft.peft.Lora;
import dev.graft.peft.Targets;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Ten steps of a model that somebody trained, beside PyTorch's (`goldens.json` beside the model says how).
class StoriesTrainingTest {
    /// What the goldens ask of float32 implementations.
    private static final double TOLERANCE = 2e-4;

    @TempDir
    Path folder;

    private Path directory;
    private JsonNode goldens;

    @BeforeEach
    void find() {
        directory = SharedData.file("models/stories260k/hf");
        goldens = Json.readObject(SharedData.file("models/stories260k/goldens.json"), "goldens");
    }

    @Test
    void fullFineTuningLosesWhatTheReferenceLoses() {
        JsonNode run = goldens.path("full_finetune");
        try (LanguageModel model = Models.load(directory, LinearFactory.trainable())) {
            follow(model, run);
            assertThat(loss(model)).isCloseTo(run.path("loss_after").asDouble(), within(TOLERANCE));
        }
    }

    @Test
    void loraLosesWhatTheReferenceLosesSwitchesOffAndMerges() {
        JsonNode run = goldens.path("lora");
        Adapters adapters = new Adapters(new Lora(4, 8, 0, Targets.names("q_proj", "v_proj")), 1);
        double base;
        try (LanguageModel model = Models.load(directory, LinearFactory.frozen())) {
            base = loss(model);
        }
        double adapted;
        try (LanguageModel model = Models.load(directory, adapters.over(LinearFactory.frozen()))) {
            assertThat(adapters.adapted().keySet())
                    .map(String::valueOf)
                    .containsExactlyElementsOf(texts(run.path("module_order")));
            initialise(adapters);
            follow(model, run);
            adapted = loss(model);
            assertThat(adapted).isCloseTo(run.path("loss_after").asDouble(), within(TOLERANCE));
            adapters.enable(false);
            assertThat(loss(model)).isEqualTo(base);
            adapters.enable(true);
            assertThat(loss(model)).isEqualTo(adapted);
            adapters.save(folder.resolve("adapter"), "stories260k");
        }
        Merge.run(directory, folder.resolve("adapter"), folder.resolve("merged"), Optional.empty());
        try (LanguageModel merged = Models.load(folder.resolve("merged"), LinearFactory.frozen())) {
            double after = loss(merged);
            assertThat(after).isCloseTo(adapted, within(1e-5));
            assertThat(after).isCloseTo(run.path("loss_after_merge").asDouble(), within(TOLERANCE));
        }
    }

    /// `A[i][j] = 0.05 · sin(1 + i·in + j + 1000·k)` for the `k`-th layer; `B` stays zero.
    private static void initialise(Adapters adapters) {
        int k = 0;
        for (Adapters.Adapted layer : adapters.adapted().values()) {
            try (Scope scope = Scope.open()) {
                long[] shape = layer.a().master().shape();
                float[] values = new float[(int) (shape[0] * shape[1])];
                for (int n = 0; n < values.length; n++) {
                    values[n] = (float) (0.05 * Math.sin(1 + n + 1000.0 * k));
                }
                layer.a().set(Tensor.of(values, shape));
            }
            k++;
        }
    }

    private void follow(LanguageModel model, JsonNode run) {
        double[] expected = Goldens.doubles(run.path("loss_before_each_step"));
        assertThat(expected).hasSize(10);
        List<Double> losses = new ArrayList<>();
        try (Trainer trainer = new Trainer(
                TrainingConfig.ofSteps(expected.length).withMaxGradientNorm(0),
                model,
                new CrossEntropy(),
                TinyRuns.adamW(model),
                new Schedule.Constant(run.path("optimizer").path("lr").asDouble()),
                batches(),
                List.of(),
                Optional.empty(),
                TinyRuns.into(losses))) {
            trainer.run();
        }
        for (int i = 0; i < expected.length; i++) {
            assertThat(losses.get(i)).as("loss of step %d", i + 1).isCloseTo(expected[i], within(TOLERANCE));
        }
    }

    private double loss(LanguageModel model) {
        return HeldOut.of(model, batches().inOrder()).loss();
    }

    /// The rows of the golden batch without their padding, each a document; the reference's `labels[i]`
    /// is what comes after `input_ids[i]`.
    private Batches batches() {
        JsonNode batch = goldens.path("batch");
        List<Tokenized> documents = new ArrayList<>();
        for (int row = 0; row < batch.path("input_ids").size(); row++) {
            int[] inputs = Goldens.ints(batch.path("input_ids").get(row));
            int[] targets = Goldens.ints(batch.path("labels").get(row));
            int counted = (int) Arrays.stream(targets).filter(t -> t != -100).count();
            int[] ids = Arrays.copyOf(inputs, counted + 1);
            ids[counted] = targets[counted - 1];
            boolean[] labels = new boolean[counted + 1];
            Arrays.fill(labels, 1, counted + 1, true);
            documents.add(new Tokenized(ids, labels, row + 1));
        }
        return new Batches(documents, 64, 1);
    }

    private static List<String> texts(JsonNode array) {
        List<String> texts = new ArrayList<>();
        array.forEach(text -> texts.add("model." + text.asText().replaceFirst("^model\\.", "")));
        return texts;
    }
}
