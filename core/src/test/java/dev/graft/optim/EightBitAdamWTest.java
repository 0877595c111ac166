package dev.graft.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.Goldens;
import dev.graft.autograd.Parameter;
import dev.graft.format.WeightFiles;
import dev.graft.tensor.DType;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

/// Reference values: `scripts/goldens_optim8.py`.
class EightBitAdamWTest {
    private static final JsonNode GOLDEN = Goldens.json("optim8/steps.json");
    private static final Path TENSORS = Goldens.path("optim8/steps.safetensors");
    private static final Moments EVERY_TENSOR = new Moments.EightBit(1);

    private static AdamWSettings settings() {
        JsonNode json = GOLDEN.get("settings");
        return new AdamWSettings(
                json.get("beta1").asDouble(),
                json.get("beta2").asDouble(),
                json.get("epsilon").asDouble(),
                json.get("weight_decay").asDouble());
    }

    private static AdamW adam(Moments moments, Parameter... parameters) {
        return new AdamW(List.of(parameters), settings(), AdamW.everyParameter(), moments, StateMemory.ofDevice());
    }

    @Test
    void stepsAreThoseOfTheCudaKernelBitForBit() {
        try (Scope scope = Scope.open();
                WeightFiles files = WeightFiles.openFile(TENSORS);
                Parameter parameter = new Parameter("p", tensor(files, "initial"), DType.F32);
                AdamW adam = adam(new Moments.EightBit(), parameter)) {
            for (int step = 0; step < GOLDEN.get("steps").asInt(); step++) {
                parameter.clearGradient();
                parameter.accumulate(tensor(files, "gradient." + step));
                adam.step(GOLDEN.get("settings").get("learning_rate").asDouble(), 1);
                Map<String, Tensor> state = adam.state();
                assertThat(bytes(state.get("p.exp_avg"))).isEqualTo(bytes(files, "m." + step));
                assertThat(bytes(state.get("p.exp_avg.absmax"))).isEqualTo(bytes(files, "m_absmax." + step));
                assertThat(bytes(state.get("p.exp_avg_sq"))).isEqualTo(bytes(files, "v." + step));
                assertThat(bytes(state.get("p.exp_avg_sq.absmax"))).isEqualTo(bytes(files, "v_absmax." + step));
            }
            assertThat(bytes(parameter.master())).isEqualTo(bytes(files, "final"));
        }
    }

    /// The CPU build of bitsandbytes packs by another table; what is told apart is that, not another formula.
    @Test
    void bitsandbytesOnTheCpuEndsNearby() {
        try (Scope scope = Scope.open();
                WeightFiles files = WeightFiles.openFile(TENSORS)) {
            float[] start = tensor(files, "initial").toFloats();
            float[] ours = tensor(files, "final").toFloats();
            float[] theirs = tensor(files, "final_cpu").toFloats();
            float[] apart = new float[ours.length];
            float[] moved = new float[ours.length];
            for (int i = 0; i < ours.length; i++) {
                apart[i] = Math.abs(ours[i] - theirs[i]);
                moved[i] = Math.abs(ours[i] - start[i]);
            }
            assertThat(median(apart)).isLessThan(0.002f * median(moved));
        }
    }

    @Property(tries = 30)
    void aBowlIsDescendedAsFastAsWithWholeMoments(@ForAll @IntRange(min = 1, max = 1500) int size) {
        try (Scope scope = Scope.open();
                Parameter eight = new Parameter("p", bowl(size), DType.F32);
                Parameter whole = new Parameter("p", bowl(size), DType.F32);
                AdamW a = adam(EVERY_TENSOR, eight);
                AdamW b = adam(new Moments.Float32(), whole)) {
            for (int step = 0; step < 60; step++) {
                descend(a, eight);
                descend(b, whole);
            }
            double start = bowl(size).norm();
            // 60 steps of at most 0.05 each take every coordinate from within ±2 to near 0
            assertThat(whole.master().norm()).isLessThan(0.25 * start + 0.1);
            assertThat(eight.master().norm()).isCloseTo(whole.master().norm(), within(0.02 * start + 0.02));
        }
    }

    /// ½·Σ x², whose gradient is x.
    private static void descend(AdamW adam, Parameter parameter) {
        parameter.clearGradient();
        parameter.accumulate(parameter.master());
        adam.step(0.05, 1);
    }

    private static Tensor bowl(int size) {
        float[] values = new float[size];
        for (int i = 0; i < size; i++) {
            values[i] = (float) (2 * Math.sin(1.7 * i + 1));
        }
        return Tensor.of(values);
    }

    @Test
    void smallTensorsAreKeptAndChangedAsByAdamW() {
        try (Scope scope = Scope.open();
                Parameter eight = new Parameter("p", bowl(4095), DType.F32);
                Parameter whole = new Parameter("p", bowl(4095), DType.F32);
                AdamW a = adam(new Moments.EightBit(), eight);
                AdamW b = adam(new Moments.Float32(), whole)) {
            descend(a, eight);
            descend(b, whole);
            assertThat(a.state().get("p.exp_avg").dtype()).isEqualTo(DType.F32);
            assertThat(bytes(eight.master())).isEqualTo(bytes(whole.master()));
        }
    }

    @Test
    void embeddingsKeepWholeMoments() {
        try (Scope scope = Scope.open();
                Parameter table = new Parameter("model.embed_tokens.weight", bowl(5000), DType.F32);
                Parameter other = new Parameter("model.not_embed_tokens.weight", bowl(5000), DType.F32);
                AdamW adam = adam(new Moments.EightBit(), table, other)) {
            descend(adam, table);
            descend(adam, other);
            assertThat(adam.state().get("model.embed_tokens.weight.exp_avg").dtype())
                    .isEqualTo(DType.F32);
            assertThat(adam.state().get("model.not_embed_tokens.weight.exp_avg").dtype())
                    .isEqualTo(DType.U8);
        }
    }

    @Test
    void stateTakesTwoBytesANumberAndTwoScalesABlock() {
        try (Scope scope = Scope.open();
                Parameter large = new Parameter("large", Tensor.of(new float[5000], 50, 100), DType.F32);
                Parameter small = new Parameter("small", Tensor.of(new float[100]), DType.F32);
                AdamW adam = adam(new Moments.EightBit(), large, small)) {
            // 5000 elements are 20 blocks
            assertThat(adam.stateBytes()).isEqualTo(2 * 5000 + 2 * 20 * 4 + 2 * 100 * 4);
            large.accumulate(large.master());
            small.accumulate(small.master());
            adam.step(0.1, 1);
            long held = adam.state().entrySet().stream()
                    .filter(entry -> !entry.getKey().endsWith(".step"))
                    .mapToLong(entry -> entry.getValue().bytes())
                    .sum();
            assertThat(held).isEqualTo(adam.stateBytes());
        }
    }

    @Test
    void resumedRunGoesOnBitForBit() {
        try (Scope scope = Scope.open();
                Parameter straight = new Parameter("p", bowl(700), DType.F32);
                Parameter resumed = new Parameter("p", bowl(700), DType.F32);
                AdamW whole = adam(EVERY_TENSOR, straight);
                AdamW before = adam(EVERY_TENSOR, resumed);
                AdamW after = adam(EVERY_TENSOR, resumed)) {
            for (int step = 0; step < 3; step++) {
                descend(whole, straight);
                descend(before, resumed);
            }
            Map<String, Tensor> saved = new LinkedHashMap<>();
            before.state().forEach((name, tensor) -> saved.put(name, tensor.copy()));
            after.load(before.steps(), name -> Optional.ofNullable(saved.get(name)));
            for (int step = 3; step < 6; step++) {
                descend(whole, straight);
                descend(after, resumed);
            }
            assertThat(bytes(resumed.master())).isEqualTo(bytes(straight.master()));
        }
    }

    @Test
    void stateOfWholeMomentsIsRefused() {
        try (Scope scope = Scope.open();
                Parameter parameter = new Parameter("p", bowl(300), DType.F32);
                AdamW whole = adam(new Moments.Float32(), parameter);
                AdamW eight = adam(EVERY_TENSOR, parameter)) {
            descend(whole, parameter);
            Map<String, Tensor> saved = whole.state();
            assertThatThrownBy(() -> eight.load(1, name -> Optional.ofNullable(saved.get(name))))
                    .hasMessageContaining("p: has some of .exp_avg, .exp_avg.absmax, .exp_avg_sq");
        }
    }

    private static float median(float[] values) {
        float[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted[sorted.length / 2];
    }

    private static Tensor tensor(WeightFiles files, String name) {
        return Tensor.over(files.data(name), DType.F32, files.entry(name).shape());
    }

    private static byte[] bytes(WeightFiles files, String name) {
        return files.data(name).toArray(ValueLayout.JAVA_BYTE);
    }

    private static byte[] bytes(Tensor tensor) {
        return tensor.memory().toArray(ValueLayout.JAVA_BYTE);
    }
}
