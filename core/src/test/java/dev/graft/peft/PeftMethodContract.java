package dev.graft.peft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.graft.Models;
import dev.graft.autograd.Parameter;
import dev.graft.autograd.Tape;
import dev.graft.autograd.Value;
import dev.graft.export.Merge;
import dev.graft.export.MergeReport;
import dev.graft.model.LanguageModel;
import dev.graft.nn.LinearFactory;
import dev.graft.nn.TokenRun;
import dev.graft.tensor.DType;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What every way of adapting a model must do. Where a change could hide behind factors of zero, they
/// are moved first.
abstract class PeftMethodContract {
    static final int[] IDS = {1, 53, 39, 88, 67, 12, 55, 20, 78, 43, 55, 88, 37};

    @TempDir
    Path folder;

    /// The settings as a user would begin with them.
    abstract Lora settings();

    /// The model that is adapted.
    Path model() {
        return Models.TINY;
    }

    /// Whether gradients are the slopes of the loss without dropout; not so where PEFT holds something
    /// constant on the way back.
    boolean gradientsAreSlopes() {
        return settings().dropout() == 0 && !settings().useDora();
    }

    /// How far a fresh adapter may move a logit.
    float freshlyMoved() {
        return 0;
    }

    private LanguageModel base() {
        return Models.load(model(), LinearFactory.frozen());
    }

    LanguageModel over(Adapters adapters) {
        return Models.load(model(), adapters.over(LinearFactory.frozen()));
    }

    @Test
    void freshAdapterLeavesLogitsUnchanged() {
        try (LanguageModel base = base();
                LanguageModel adapted = over(new Adapters(settings(), 1))) {
            assertThat(Models.logits(adapted, IDS)).containsExactly(Models.logits(base, IDS), within(freshlyMoved()));
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
                layer.magnitude()
                        .ifPresent(sizes -> assertThat(model.parameters()).contains(sizes));
            });
            assertThat(model.parameters()).containsAll(adapters.saved().values());
        }
    }

    @Test
    void mergedModelHasTheLogitsOfTheAdaptedOne() {
        Adapters adapters = new Adapters(settings(), 1);
        float[] adapted;
        try (LanguageModel model = over(adapters)) {
            Models.move(model);
            adapted = Models.logits(model, IDS);
            adapters.save(folder.resolve("adapter"), "llama-tiny");
        }
        try (LanguageModel base = base()) {
            assertThat(largestDifference(adapted, Models.logits(base, IDS)))
                    .as("the adapter changes something")
                    .isGreaterThan(0.03);
        }
        MergeReport report = Merge.run(model(), folder.resolve("adapter"), folder.resolve("merged"), Optional.empty());
        assertThat(report.roundingError()).isBetween(0.0, 1e-5);
        try (LanguageModel merged = Models.load(folder.resolve("merged"), LinearFactory.frozen())) {
            assertThat(Models.logits(merged, IDS)).containsExactly(adapted, within(5e-5f));
        }
    }

    @Test
    void savedAndLoadedAgainItIsTheSameAdapter() {
        Adapters adapters = new Adapters(settings(), 1);
        try (LanguageModel model = over(adapters)) {
            Models.move(model);
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
            String first = one.parameters().stream()
                    .map(Parameter::name)
                    .filter(name -> name.endsWith(".lora_A.weight"))
                    .findFirst()
                    .orElseThrow();
            assertThat(Models.weights(same).get(first))
                    .containsExactly(Models.weights(one).get(first));
            assertThat(Models.weights(other).get(first))
                    .isNotEqualTo(Models.weights(one).get(first));
        }
    }

    /// A small step against each gradient lowers the loss by as much as its square says, and the way
    /// back is the same when blocks are run again for it.
    @Test
    void gradientsLeadDownhill() {
        try (LanguageModel model = over(new Adapters(settings(), 1))) {
            Models.move(model);
            List<float[]> once = gradients(model, false);
            List<float[]> again = gradients(model, true);
            double slope = 0;
            for (int i = 0; i < once.size(); i++) {
                assertThat(again.get(i))
                        .as(model.parameters().get(i).name())
                        .containsExactly(once.get(i), within(1e-4f));
                for (float value : once.get(i)) {
                    slope += value * value;
                }
            }
            assertThat(slope).isPositive();
            double before = loss(model);
            double step = 2e-4 / Math.max(1, Math.sqrt(slope));
            step(model, once, -step);
            double down = loss(model);
            step(model, once, 2 * step);
            double up = loss(model);
            assertThat(down).isLessThan(before);
            if (gradientsAreSlopes()) {
                assertThat((up - down) / (2 * step)).isCloseTo(slope, within(0.02 * slope));
            }
        }
    }

    private static double loss(LanguageModel model) {
        try (Scope scope = Scope.open();
                Tape tape = Tape.silent(model.device())) {
            return -logProbs(model, tape).data().sum().item();
        }
    }

    private static Value logProbs(LanguageModel model, Tape tape) {
        int[] rows = IntStream.range(0, IDS.length - 1).toArray();
        Value hidden = model.hidden(tape, TokenRun.document(IDS));
        return model.logProbs(tape, hidden, rows, Arrays.copyOfRange(IDS, 1, IDS.length));
    }

    private static List<float[]> gradients(LanguageModel model, boolean recomputing) {
        model.parameters().forEach(Parameter::clearGradient);
        try (Scope scope = Scope.open();
                Tape tape = Tape.recording(model.device(), 3, recomputing)) {
            Value logProbs = logProbs(model, tape);
            tape.backward(logProbs, Tensor.full(-1, DType.F32, model.device(), IDS.length - 1));
            return model.parameters().stream()
                    .map(p -> p.hasGradient() ? p.gradient().toFloats() : new float[(int) p.elements()])
                    .toList();
        }
    }

    private static void step(LanguageModel model, List<float[]> along, double by) {
        for (int i = 0; i < along.size(); i++) {
            Parameter parameter = model.parameters().get(i);
            try (Scope scope = Scope.open()) {
                parameter.set(parameter
                        .master()
                        .add(Tensor.of(along.get(i), parameter.master().shape()).mul(by)));
            }
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
    void requireSwitch(Lora settings) {
        Adapters adapters = new Adapters(settings, 1);
        try (LanguageModel base = base();
                LanguageModel model = over(adapters)) {
            Models.move(model);
            float[] on = Models.logits(model, IDS);
            adapters.enable(false);
            assertThat(Models.logits(model, IDS)).containsExactly(Models.logits(base, IDS));
            adapters.enable(true);
            assertThat(Models.logits(model, IDS)).containsExactly(on);
        }
    }
}
