package dev.graft.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.graft.Models;
import dev.graft.autograd.Parameter;
import dev.graft.data.Batches;
import dev.graft.data.Tokenized;
import dev.graft.model.LanguageModel;
import dev.graft.optim.Optimizer;
import dev.graft.tensor.Tensor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// How documents are cut into batches and micro-batches, and in which order they come, does not change
/// the update: only the order in which float32 sums are added changes.
class InvariantUpdateTest {
    private static final List<Tokenized> DOCUMENTS = TinyRuns.documents(8, 7);
    private static final int ALL_TOKENS =
            DOCUMENTS.stream().mapToInt(Tokenized::tokens).sum();

    /// Largest `‖a − b‖ / ‖a‖` of a tensor's gradient; 4e-6 was seen.
    private static final double OF_A_GRADIENT = 1e-5;

    /// The same for the change of a weight after five steps; AdamW divides by the gradient's own size, which
    /// enlarges what rounding did to small gradients. 9e-4 was seen.
    private static final double OF_A_CHANGE = 3e-3;

    static Stream<Arguments> models() {
        Supplier<LanguageModel> full = TinyRuns::full;
        Supplier<LanguageModel> lora = () -> TinyRuns.lora(0);
        return Stream.of(Arguments.of("full", full), Arguments.of("lora", lora));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("models")
    void accumulationAndPackingDoNotChangeTheGradient(String name, Supplier<LanguageModel> model) {
        Gradient together = gradient(model, DOCUMENTS, ALL_TOKENS, 3, false);
        Gradient inThrees = gradient(model, DOCUMENTS, 60, 3, false);
        Gradient eachAlone = gradient(model, DOCUMENTS, 20, 3, false);
        assertThat(together.microBatches).isEqualTo(1);
        assertThat(inThrees.microBatches).isBetween(2, 4);
        assertThat(eachAlone.microBatches).isEqualTo(DOCUMENTS.size());
        requireClose(together, inThrees);
        requireClose(together, eachAlone);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("models")
    void orderOfDocumentsDoesNotChangeTheGradient(String name, Supplier<LanguageModel> model) {
        Gradient one = gradient(model, DOCUMENTS, ALL_TOKENS, 3, false);
        Gradient other = gradient(model, DOCUMENTS.reversed(), ALL_TOKENS, 99, false);
        requireClose(one, other);
        requireClose(one, gradient(model, DOCUMENTS.reversed(), 40, 99, false));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("models")
    void fiveStepsEndAtTheSameWeights(String name, Supplier<LanguageModel> model) {
        List<Double> losses = new ArrayList<>();
        List<Double> otherLosses = new ArrayList<>();
        Map<String, float[]> start;
        try (LanguageModel untrained = model.get()) {
            start = Models.weights(untrained);
        }
        Map<String, float[]> together = train(model, DOCUMENTS, ALL_TOKENS, losses);
        Map<String, float[]> eachAlone = train(model, DOCUMENTS.reversed(), 20, otherLosses);
        for (int i = 0; i < 5; i++) {
            assertThat(otherLosses.get(i)).as("loss of step %d", i + 1).isCloseTo(losses.get(i), within(2e-5));
        }
        together.forEach((weight, values) -> assertThat(distance(values, eachAlone.get(weight)))
                .as(weight)
                .isLessThan(OF_A_CHANGE * distance(values, start.get(weight))));
    }

    @Test
    void recomputingGivesTheSameGradientBitForBitWithDropoutToo() {
        for (Supplier<LanguageModel> model :
                List.<Supplier<LanguageModel>>of(TinyRuns::full, () -> TinyRuns.lora(0), () -> TinyRuns.lora(0.3))) {
            Gradient kept = gradient(model, DOCUMENTS, 60, 3, false);
            Gradient computedAgain = gradient(model, DOCUMENTS, 60, 3, true);
            assertThat(computedAgain.loss).isEqualTo(kept.loss);
            kept.values.forEach((weight, values) ->
                    assertThat(computedAgain.values.get(weight)).as(weight).containsExactly(values));
        }
    }

    /// The mean gradient of one step, and what came with it.
    private record Gradient(Map<String, float[]> values, double loss, double norm, int microBatches) {}

    private static Gradient gradient(
            Supplier<LanguageModel> source, List<Tokenized> documents, int batchTokens, long order, boolean recompute) {
        Batches batches = new Batches(documents, batchTokens, order);
        int microBatches = batches.epoch(0).size();
        List<TrainingEvent.Stepped> steps = new ArrayList<>();
        try (LanguageModel model = source.get()) {
            Watching watching = new Watching(model.parameters());
            TrainingConfig config = TrainingConfig.ofSteps(1)
                    .withMicroBatches(microBatches)
                    .withMaxGradientNorm(0)
                    .withRecompute(recompute);
            TinyRuns.trainer(
                            config,
                            model,
                            watching,
                            batches,
                            Optional.empty(),
                            event -> steps.add((TrainingEvent.Stepped) event))
                    .run();
            return new Gradient(
                    watching.seen, steps.getFirst().loss(), steps.getFirst().gradientNorm(), microBatches);
        }
    }

    private static Map<String, float[]> train(
            Supplier<LanguageModel> source, List<Tokenized> documents, int batchTokens, List<Double> losses) {
        Batches batches = new Batches(documents, batchTokens, 5);
        TrainingConfig config =
                TrainingConfig.ofSteps(5).withMicroBatches(batches.epoch(0).size());
        try (LanguageModel model = source.get();
                Trainer trainer = TinyRuns.trainer(config, model, batches, Optional.empty(), TinyRuns.into(losses))) {
            trainer.run();
            return Models.weights(model);
        }
    }

    private static void requireClose(Gradient a, Gradient b) {
        assertThat(b.loss).isCloseTo(a.loss, within(1e-6 * a.loss));
        assertThat(b.norm).isCloseTo(a.norm, within(OF_A_GRADIENT * a.norm));
        assertThat(b.values).containsOnlyKeys(a.values.keySet());
        float[] none = new float[0];
        a.values.forEach((weight, values) -> {
            double size = distance(values, new float[values.length]);
            assertThat(size).as(weight).isPositive();
            assertThat(distance(values, b.values.getOrDefault(weight, none)))
                    .as(weight)
                    .isLessThan(OF_A_GRADIENT * size);
        });
    }

    private static double distance(float[] a, float[] b) {
        double squares = 0;
        for (int i = 0; i < a.length; i++) {
            squares += ((double) a[i] - b[i]) * ((double) a[i] - b[i]);
        }
        return Math.sqrt(squares);
    }

    /// Changes nothing and keeps the gradients it is shown.
    private static final class Watching implements Optimizer {
        private final List<Parameter> parameters;
        private final Map<String, float[]> seen = new LinkedHashMap<>();

        Watching(List<Parameter> parameters) {
            this.parameters = parameters;
        }

        @Override
        public void step(double learningRate, double gradientScale) {
            for (Parameter parameter : parameters) {
                float[] gradient = parameter.gradient().toFloats();
                for (int i = 0; i < gradient.length; i++) {
                    gradient[i] *= (float) gradientScale;
                }
                seen.put(parameter.name(), gradient);
            }
        }

        @Override
        public long steps() {
            return 0;
        }

        @Override
        public Map<String, Tensor> state() {
            return Map.of();
        }

        @Override
        public void load(long steps, Function<String, Optional<Tensor>> lookup) {
            throw new UnsupportedOperationException("there is nothing to go on with");
        }

        @Override
        public void close() {}
    }
}
