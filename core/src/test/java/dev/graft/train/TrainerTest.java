package dev.graft.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.graft.Models;
import dev.graft.autograd.Parameter;
import dev.graft.data.Batches;
import dev.graft.model.LanguageModel;
import dev.graft.nn.LinearFactory;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TrainerTest {
    /// Ten batches an epoch, of one document each.
    private static Batches batches() {
        return new Batches(TinyRuns.documents(10, 4), 20, 1);
    }

    @Test
    void lossThatIsNoNumberStopsBeforeTheUpdate() {
        try (LanguageModel model = TinyRuns.full();
                Trainer trainer =
                        TinyRuns.trainer(TrainingConfig.ofSteps(3), model, batches(), Optional.empty(), event -> {})) {
            poison(model.parameters().getLast());
            Map<String, float[]> before = Models.weights(model);
            assertThatThrownBy(trainer::run)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("step 1: the loss is NaN")
                    .hasMessageContaining("No checkpoint was written yet")
                    .hasMessageContaining("training.learning_rate");
            Models.weights(model)
                    .forEach((name, values) -> assertThat(values).as(name).containsExactly(before.get(name)));
        }
    }

    private static void poison(Parameter parameter) {
        try (Scope scope = Scope.open()) {
            parameter.set(Tensor.full(
                    Double.NaN, DType.F32, Device.cpu(), parameter.master().shape()));
        }
    }

    @Test
    void modelInWhichNothingLearnsIsRefused() {
        try (LanguageModel frozen = Models.load(Models.TINY, LinearFactory.frozen())) {
            TrainingConfig config = TrainingConfig.ofSteps(1);
            assertThatThrownBy(() -> Trainer.sft(frozen, batches(), config, 1e-3, event -> {}))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("nothing in this model learns")
                    .hasMessageContaining("adapters");
        }
    }

    /// Of ten batches an epoch.
    @ParameterizedTest
    @CsvSource({"1, 1, 10", "3, 1, 30", "2.5, 1, 25", "0.5, 1, 5", "1, 5, 2", "1.5, 5, 3", "1, 4, 3", "0.001, 4, 1"})
    void stepsOfEpochsAreBatchesByMicroBatches(double epochs, int microBatches, int steps) {
        assertThat(Trainer.stepsFor(batches(), epochs, microBatches)).isEqualTo(steps);
    }

    @Test
    void dropoutIsDecidedByTheSeed() {
        List<Double> one = lossesWithDropout(42);
        assertThat(lossesWithDropout(42)).isEqualTo(one);
        assertThat(lossesWithDropout(43)).isNotEqualTo(one);
    }

    private static List<Double> lossesWithDropout(long seed) {
        List<Double> losses = new ArrayList<>();
        try (LanguageModel model = TinyRuns.lora(0.5);
                Trainer trainer = TinyRuns.trainer(
                        TrainingConfig.ofSteps(4).withSeed(seed),
                        model,
                        batches(),
                        Optional.empty(),
                        TinyRuns.into(losses))) {
            trainer.run();
        }
        assertThat(losses).hasSize(4);
        return losses;
    }

    @Test
    void everyMicroBatchHasItsOwnDropout() {
        // the same document four times: without dropout every micro-batch would have the same loss
        Batches same = new Batches(TinyRuns.documents(1, 4), 20, 1);
        List<Double> losses = new ArrayList<>();
        try (LanguageModel model = TinyRuns.lora(0.5);
                Trainer trainer = new Trainer(
                        TrainingConfig.ofSteps(4),
                        model,
                        new dev.graft.objective.CrossEntropy(),
                        TinyRuns.adamW(model),
                        new dev.graft.optim.Schedule.Constant(0),
                        same,
                        List.of(),
                        Optional.empty(),
                        TinyRuns.into(losses))) {
            trainer.run();
        }
        assertThat(losses).doesNotHaveDuplicates().hasSize(4);
    }

    @Test
    void stepsCountTokensAndLabels() {
        List<TrainingEvent.Stepped> steps = new ArrayList<>();
        Batches batches = batches();
        long tokens =
                batches.epoch(0).stream().mapToLong(batch -> batch.tokens()).sum();
        long labelled = batches.epoch(0).stream()
                .mapToLong(batch -> batch.labelledCount())
                .sum();
        try (LanguageModel model = TinyRuns.lora(0);
                Trainer trainer = TinyRuns.trainer(
                        TrainingConfig.ofSteps(2).withMicroBatches(5),
                        model,
                        batches,
                        Optional.empty(),
                        event -> steps.add((TrainingEvent.Stepped) event))) {
            TrainingResult result = trainer.run();
            assertThat(result.tokens()).isEqualTo(tokens);
            assertThat(result.lastLoss()).isEqualTo(steps.get(1).loss());
        }
        assertThat(steps.stream().mapToLong(TrainingEvent.Stepped::tokens).sum())
                .isEqualTo(tokens);
        assertThat(steps.stream()
                        .mapToLong(TrainingEvent.Stepped::labelledTokens)
                        .sum())
                .isEqualTo(labelled);
        assertThat(steps.get(1).tokensPerSecond())
                .isCloseTo(
                        steps.get(1).tokens()
                                / (steps.get(1).seconds() - steps.get(0).seconds()),
                        within(1e-6 * steps.get(1).tokensPerSecond()));
    }
}
