package dev.graft.peft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.graft.Models;
import dev.graft.autograd.Parameter;
import dev.graft.export.Merge;
import dev.graft.export.MergeReport;
import dev.graft.model.LanguageModel;
import dev.graft.nn.LinearFactory;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.nio.file.Path;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What every way of adapting a model must do. Where a change could hide behind factors of zero, they are moved first.
abstract class PeftMethodContract {
    static final int[] IDS = {1, 53, 39, 88, 67, 12, 55, 20, 78, 43, 55, 88, 37};

    @TempDir
    Path folder;

    /// The settings as a user would begin with them.
    abstract Lora settings();

    private LanguageModel base() {
        return Models.load(Models.TINY, LinearFactory.frozen());
    }

    private static LanguageModel over(Adapters adapters) {
        return Models.load(Models.TINY, adapters.over(LinearFactory.frozen()));
    }

    /// Moves everything that learns away from where it started.
    private static void move(LanguageModel model) {
        SplittableRandom random = new SplittableRandom(17);
        for (Parameter parameter : model.parameters()) {
            try (Scope scope = Scope.open()) {
                float[] values = parameter.master().toFloats();
                for (int i = 0; i < values.length; i++) {
                    values[i] += (float) (0.1 * random.nextGaussian());
                }
                parameter.set(Tensor.of(values, parameter.master().shape()));
            }
        }
    }

    @Test
    void freshAdapterLeavesLogitsUnchangedExactly() {
        try (LanguageModel base = base();
                LanguageModel adapted = over(new Adapters(settings(), 1))) {
            assertThat(Models.logits(adapted, IDS)).containsExactly(Models.logits(base, IDS));
        }
    }

    @Test
    void onlyTheAdapterLearns() {
        Adapters adapters = new Adapters(settings(), 1);
        try (LanguageModel model = over(adapters)) {
            assertThat(adapters.adapted()).isNotEmpty();
            assertThat(model.parameters()).doesNotHaveDuplicates();
            adapters.adapted().values().forEach(layer -> {
                assertThat(model.parameters()).contains(layer.a(), layer.b());
                layer.bias().ifPresent(bias -> assertThat(model.parameters()).contains(bias));
                layer.magnitude().ifPresent(sizes -> assertThat(model.parameters()).contains(sizes));
            });
            assertThat(model.parameters()).containsAll(adapters.saved().values());
        }
    }

    @Test
    void mergedModelHasTheLogitsOfTheAdaptedOne() {
        Adapters adapters = new Adapters(settings(), 1);
        float[] adapted;
        try (LanguageModel model = over(adapters)) {
            move(model);
            adapted = Models.logits(model, IDS);
            adapters.save(folder.resolve("adapter"), "llama-tiny");
        }
        try (LanguageModel base = base()) {
            assertThat(largestDifference(adapted, Models.logits(base, IDS)))
                    .as("the adapter changes something")
                    .isGreaterThan(0.1);
        }
        MergeReport report =
                Merge.run(Models.TINY, folder.resolve("adapter"), folder.resolve("merged"), Optional.empty());
        assertThat(report.roundingError()).isBetween(0.0, 1e-5);
        try (LanguageModel merged = Models.load(folder.resolve("merged"), LinearFactory.frozen())) {
            assertThat(Models.logits(merged, IDS)).containsExactly(adapted, within(5e-5f));
        }
    }

    @Test
    void savedAndLoadedAgainItIsTheSameAdapter() {
        Adapters adapters = new Adapters(settings(), 1);
        try (LanguageModel model = over(adapters)) {
            move(model);
            adapters.save(folder.resolve("adapter"), "llama-tiny");
            Adapters again = Adapters.read(folder.resolve("adapter"));
            try (LanguageModel reloaded = over(again)) {
                again.load(folder.resolve("adapter"));
                assertThat(Models.weights(reloaded))
                        .containsOnlyKeys(Models.weights(model).keySet());
                Models.weights(model)
                        .forEach((name, values) -> assertThat(
                                        Models.weights(reloaded).get(name))
                                .as(name)
                                .containsExactly(values));
                assertThat(Models.logits(reloaded, IDS)).containsExactly(Models.logits(model, IDS));
            }
        }
    }

    @Test
    void initialFactorsDependOnTheSeedAlone() {
        try (LanguageModel one = over(new Adapters(settings(), 1));
                LanguageModel same = over(new Adapters(settings(), 1));
                LanguageModel other = over(new Adapters(settings(), 2))) {
            String first = one.parameters().getFirst().name();
            assertThat(Models.weights(same).get(first))
                    .containsExactly(Models.weights(one).get(first));
            assertThat(Models.weights(other).get(first))
                    .isNotEqualTo(Models.weights(one).get(first));
        }
    }

    static double largestDifference(float[] a, float[] b) {
        double largest = 0;
        for (int i = 0; i < a.length; i++) {
            largest = Math.max(largest, Math.abs(a[i] - b[i]));
        }
        return largest;
    }

    /// For methods that can be switched off.
    static void requireSwitch(Lora settings) {
        Adapters adapters = new Adapters(settings, 1);
        try (LanguageModel base = Models.load(Models.TINY, LinearFactory.frozen());
                LanguageModel model = over(adapters)) {
            move(model);
            float[] on = Models.logits(model, IDS);
            adapters.enable(false);
            assertThat(Models.logits(model, IDS)).containsExactly(Models.logits(base, IDS));
            adapters.enable(true);
            assertThat(Models.logits(model, IDS)).containsExactly(on);
        }
    }
}
