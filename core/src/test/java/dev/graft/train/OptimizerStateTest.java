package dev.graft.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.graft.Models;
import dev.graft.data.Batches;
import dev.graft.model.LanguageModel;
import dev.graft.nn.LinearFactory;
import dev.graft.objective.CrossEntropy;
import dev.graft.optim.AdamW;
import dev.graft.optim.AdamWSettings;
import dev.graft.optim.Moments;
import dev.graft.optim.PagedMemory;
import dev.graft.optim.Schedule;
import dev.graft.optim.StateMemory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Training with the optimizer's state in 8 bits and in files.
class OptimizerStateTest {
    private static final Moments EVERY_TENSOR = new Moments.EightBit(1);

    @TempDir
    Path folder;

    @Test
    void eightBitMomentsLearnAsWholeOnesDo() {
        List<Double> whole = losses(new Moments.Float32(), StateMemory.ofDevice());
        List<Double> eight = losses(EVERY_TENSOR, StateMemory.ofDevice());
        assertThat(whole.getLast()).isLessThan(whole.getFirst() - 0.5);
        for (int step = 0; step < whole.size(); step++) {
            // rounding to 256 values moves each update by some percent, to one side and the other
            assertThat(eight.get(step)).as("step %d", step).isCloseTo(whole.get(step), within(0.005));
        }
        assertThat(eight).isNotEqualTo(whole);
    }

    @Test
    void pagedStateTrainsToTheSameNumbers() {
        assertThat(losses(EVERY_TENSOR, new PagedMemory(folder)))
                .isEqualTo(losses(EVERY_TENSOR, StateMemory.ofDevice()));
    }

    @Test
    void stoppedAndResumedEqualsUninterruptedBitForBit() {
        Map<String, float[]> expected = weightsAfter(6, Optional.empty(), false);
        Checkpoints checkpoints = new Checkpoints(folder.resolve("checkpoints"), Map.of(), (inside, step) -> {});
        weightsAfter(3, Optional.of(checkpoints), false);
        Map<String, float[]> resumed = weightsAfter(6, Optional.of(checkpoints), true);
        expected.forEach(
                (name, values) -> assertThat(resumed.get(name)).as(name).containsExactly(values));
    }

    private Map<String, float[]> weightsAfter(int steps, Optional<Checkpoints> checkpoints, boolean resume) {
        try (LanguageModel model = model();
                Trainer trainer = new Trainer(
                        TrainingConfig.ofSteps(steps),
                        model,
                        new CrossEntropy(),
                        adamW(model, EVERY_TENSOR, new PagedMemory(folder)),
                        Schedule.named("constant", 5e-3, 0, 6),
                        batches(),
                        List.of(),
                        checkpoints,
                        event -> {})) {
            if (resume) {
                trainer.resume();
            } else {
                trainer.run();
            }
            return Models.weights(model);
        }
    }

    private static List<Double> losses(Moments moments, StateMemory memory) {
        List<Double> losses = new ArrayList<>();
        try (LanguageModel model = model();
                Trainer trainer = TinyRuns.trainer(
                        TrainingConfig.ofSteps(20),
                        model,
                        adamW(model, moments, memory),
                        batches(),
                        Optional.empty(),
                        TinyRuns.into(losses))) {
            trainer.run();
        }
        return losses;
    }

    private static LanguageModel model() {
        return Models.load(Models.TINY, LinearFactory.trainable());
    }

    private static AdamW adamW(LanguageModel model, Moments moments, StateMemory memory) {
        return new AdamW(
                model.parameters(),
                AdamWSettings.defaults().withWeightDecay(0.01),
                AdamW.everyParameter(),
                moments,
                memory);
    }

    private static Batches batches() {
        return new Batches(TinyRuns.documents(7, 11), 80, 2);
    }
}
